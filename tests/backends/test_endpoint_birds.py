"""Real photos through a real endpoint agree, photo by photo, with what the training job wrote about them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from core import asking
from core.backends import LOCAL, EndpointState
from core.datasets import importing, store
from core.jobs import State
from core.models import of_job
from core.specs import EndpointSpec, TrainingSpec
from tests.backends.watching import settled

# Training runs the network in batches, the endpoint photo by photo, both in bf16 where the processor has it: the roundings differ.
TOLERANCE = 0.05
# Photos whose two best classes are closer than the tolerance may change places.
MOST_RENAMED = 4


@pytest.mark.slow
def test_355_photos_are_answered_as_they_were_in_evaluation(home: Path, birds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(birds))
    version = importing.run_import(importing.ImportSource("folder", birds), "birds12")
    version = store.derive(version, {"kind": "official", "validation_share": 0.15, "seed": 7})
    job = LOCAL.train(TrainingSpec("birds", version.dataset_id, version.id, {"preset": "fast", "arch": "lite0"}))
    while not (job := LOCAL.refresh(job)).state.is_finished:
        time.sleep(0.2)
    assert job.state is State.COMPLETED, job.status.reason
    model = of_job(job)
    known = model.predictions().of_split("test")
    dataset = store.dataset(version.dataset_id)
    endpoint = settled(LOCAL, LOCAL.deploy(EndpointSpec("birds", model.id)), 120)
    assert endpoint.state is EndpointState.IN_SERVICE, endpoint.reason

    answers = dict(asking.ask_all(endpoint, {path: store.image_path(dataset, path) for path in known.path}))
    assert len(answers) == 355
    difference, renamed = 0.0, 0
    for row, path in enumerate(known.path):
        said = {entry["label"]: entry["probability"] for entry in answers[path]["predictions"]}
        expected = {label: float(known.probabilities[row, known.index_of(label)]) for label in said}
        difference = max(difference, *(abs(said[label] - expected[label]) for label in said))
        renamed += answers[path]["predictions"][0]["label"] != str(known.names(known.predicted[[row]])[0])
    print(f"largest difference of a probability {difference:.4f}, {renamed} of 355 renamed, {endpoint.details['form']}")
    assert difference <= TOLERANCE
    assert renamed <= MOST_RENAMED
    true = dict(zip(known.path, known.names(known.label), strict=True))
    right = np.mean([answers[path]["predictions"][0]["label"] == name for path, name in true.items()])
    assert right == pytest.approx(model.metrics("test")["top1"], abs=MOST_RENAMED / 355)
