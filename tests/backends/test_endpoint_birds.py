"""Real photos through a real endpoint and a real batch agree, photo by photo, with what the training job wrote about them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from core import settings
from core.backends import LOCAL, EndpointState, ask
from core.batch import results
from core.datasets import store
from core.datasets.importing import run as importing
from core.jobs.specs import EndpointSpec, TrainingSpec, TransformSpec
from core.jobs.store import Job, State
from core.models.store import Model, of_job
from tests.backends.watching import settled

# Training makes its features in bf16 where the processor has it, the endpoint answers as plain fp32 does: the roundings differ.
TOLERANCE = 0.1
# Photos whose two best classes are closer than the tolerance may change places.
MOST_RENAMED = 4


@pytest.mark.slow
def test_endpoint_batch_and_evaluation_agree_on_355_photos(
    home: Path, birds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(birds))
    model = trained(birds)
    known = model.predictions().of_split("test")
    assert len(known) == 355
    for kind, said in (
        ("endpoint", by_endpoint(model, list(known.path))),
        ("batch", by_batch(model)),
    ):
        difference = max(
            abs(answer[label] - float(known.probabilities[row, known.index_of(label)]))
            for row, path in enumerate(known.path)
            for answer in [said[path]]
            for label in answer
        )
        best = np.array([max(said[path], key=said[path].__getitem__) for path in known.path])
        renamed = int((best != known.names(known.predicted)).sum())
        right = int((best == known.names(known.label)).sum())
        print(
            f"{kind}: largest difference of a probability {difference:.4f}, {renamed} of 355 renamed, {right} right"
        )
        assert difference <= TOLERANCE
        assert renamed <= MOST_RENAMED
        assert right == pytest.approx(model.metrics("test")["correct"], abs=MOST_RENAMED)


def trained(birds: Path) -> Model:
    version = importing.run_import(importing.ImportSource("folder", birds), "birds12")
    version = store.derive(version, {"kind": "official", "validation_share": 0.15, "seed": 7})
    job = LOCAL.train(
        TrainingSpec("birds", version.dataset_id, version.id, {"preset": "fast", "arch": "lite0"})
    )
    return of_job(ended(job))


def ended(job: Job) -> Job:
    while not (job := LOCAL.refresh(job)).state.is_finished:
        time.sleep(0.2)
    assert job.state is State.COMPLETED, job.status.reason
    return job


def by_endpoint(model: Model, paths: list[str]) -> dict[str, dict[str, float]]:
    """label -> probability of the top classes, for each photo."""
    dataset = store.dataset(model.dataset_id)
    endpoint = settled(LOCAL, LOCAL.deploy(EndpointSpec("birds", model.id)))
    assert endpoint.state is EndpointState.IN_SERVICE, endpoint.reason
    answers = dict(ask.ask_all(endpoint, {path: store.image_path(dataset, path) for path in paths}))
    LOCAL.delete(endpoint)
    return {
        path: {entry["label"]: entry["probability"] for entry in answers[path]["predictions"]}
        for path in paths
    }


def by_batch(model: Model) -> dict[str, dict[str, float]]:
    spec = TransformSpec(
        "birds",
        model.id,
        "split",
        dataset_id=model.dataset_id,
        version_id=model.version_id,
        split="test",
    )
    table = pq.read_table(results.results_file(ended(LOCAL.transform(spec)).folder)).to_pylist()
    places = ("", *(f"_{place}" for place in range(2, settings.TOP_K + 1)))
    return {
        row["path"]: {row[f"prediction{place}"]: row[f"probability{place}"] for place in places}
        for row in table
    }
