"""Homes that an earlier Fieldmark left, made by its own code and kept here: everything in them
still opens and answers.

`home-*.tar.xz` is a workstation's: a dataset of drawn shapes with two versions, a draft and an
inspection, trainings that completed, failed and were stopped, a tuning job, a batch, and a photo
that waits in the review queue. `sagemaker-*.tar.xz` is one whose jobs ran on SageMaker. To keep
them small, the weights of the packaged backbone were taken out; the fixture `old` puts them back
from a model of today.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import settings
from core.backends import LOCAL
from core.backends.base import EndpointState
from core.batch import results
from core.datasets import store
from core.datasets.editing import drafts, review
from core.datasets.inspection import store as inspection
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec, TrainingSpec, TransformSpec
from core.jobs.store import State
from core.models import explain
from core.models import store as models
from core.tuning import leaderboard
from tests import old_homes, shapes
from tests.backends.watching import until
from tests.patience import PATIENCE

STATES = {
    "Small": State.COMPLETED,
    "Stopped": State.STOPPED,
    "Failed": State.FAILED,
    "Search": State.COMPLETED,
    "Search #1": State.COMPLETED,
    "Search #2": State.COMPLETED,
    "Search #3": State.COMPLETED,
    "Look": State.COMPLETED,
    "Test split": State.COMPLETED,
}
# What the endpoint of that day said of the photo circle/03.png.
ANSWER = {"circle": 1.0, "square": 0.0, "triangle": 0.0}


@pytest.fixture
def old(home: Path, trained_home: Path) -> Path:
    """The workstation's home, its models whole again."""
    old_homes.unpack(old_homes.WORKSTATION, home)
    old_homes.restore_weights(home, trained_home)
    return home


def kinds() -> set[str]:
    return {path.name.split("-")[1] for path in settings.jobs_dir().iterdir()}


def test_every_job_is_read_in_the_state_that_it_had(old: Path) -> None:
    found = {job.name: job.state for kind in kinds() for job in jobs.readable(kind)}
    assert found == STATES
    assert [job.state for job in map(LOCAL.refresh, jobs.readable("training"))].count(
        State.FAILED
    ) == 1


def test_datasets_drafts_inspections_and_reviews_open(old: Path) -> None:
    (dataset,) = store.datasets()
    assert isinstance(dataset, store.Dataset)
    newer, older = store.versions(dataset.id)
    assert isinstance(newer, store.Version)
    assert isinstance(older, store.Version)
    assert (newer.id, older.id) == ("v2", "v1")
    assert len(store.manifest_of(older)) == 36
    assert len(drafts.steps(newer)) == 1
    assert inspection.of(older) is not None
    assert [entry.shown for entry in review.entries()] == ["circle/03.png"]


def test_a_search_has_its_leaderboard_and_a_batch_its_table(old: Path) -> None:
    (search,) = jobs.readable("tuning")
    board = leaderboard.read(search.id)
    assert len(board.trials) == 3
    (batch,) = jobs.readable("transform")
    table = results.opened(results.results_file(batch.folder)).read().to_pandas()
    assert (table["label"] == table["prediction"]).mean() > 0.9


def test_an_old_artifact_is_served_as_it_was(old: Path, tmp_path: Path) -> None:
    (model,) = [model for model in models.listing() if model.name == "Small"]
    assert (model.folder.model / "code" / "images.py").is_file()
    endpoint = LOCAL.deploy(EndpointSpec("Old", model.id))

    def now() -> EndpointState:
        return next(found.state for found in LOCAL.endpoints() if found.id == endpoint.id)

    until(lambda: now() is not EndpointState.CREATING, "the endpoint")
    (served,) = LOCAL.endpoints()
    assert served.state is EndpointState.IN_SERVICE, served.reason
    shapes.photo("circle", 3).save(tmp_path / "circle.png")
    answer = LOCAL.invoke(served, (tmp_path / "circle.png").read_bytes(), "image/png")
    said = {one["label"]: one["probability"] for one in answer["predictions"]}
    assert said == pytest.approx(ANSWER, abs=0.001)


def test_an_old_artifact_goes_over_photos_and_explains_itself(old: Path, tmp_path: Path) -> None:
    (model,) = [model for model in models.listing() if model.name == "Small"]
    of = {"dataset_id": model.dataset_id, "version_id": model.version_id}
    batch = LOCAL.transform(TransformSpec("Old", model.id, "split", **of, split="test"))
    until(lambda: LOCAL.refresh(batch).state.is_finished, "the batch")
    ended = LOCAL.refresh(batch)
    assert ended.state is State.COMPLETED, ended.status.reason
    table = results.opened(results.results_file(batch.folder)).read().to_pandas()
    assert (table["label"] == table["prediction"]).mean() > 0.9
    photo = tmp_path / "circle.png"
    shapes.photo("circle", 3).save(photo)
    assert explain.saliency(model, photo, "circle").is_file()
    assert np.isfinite(explain.features(model, photo)).all()


def test_old_data_is_trained_on_again(old: Path) -> None:
    (small,) = [job for job in jobs.readable("training") if job.name == "Small"]
    spec = small.spec
    again = LOCAL.train(
        TrainingSpec("Again", spec["dataset_id"], spec["version_id"], spec["hyperparameters"])
    )
    until(lambda: LOCAL.refresh(again).state.is_finished, "the training")
    assert LOCAL.refresh(again).state is State.COMPLETED


@pytest.mark.parametrize("fixture", [old_homes.WORKSTATION, old_homes.SAGEMAKER])
def test_every_page_opens_over_an_old_home(home: Path, fixture: str) -> None:
    old_homes.unpack(fixture, home)
    router = str(settings.PROJECT / "ui" / "shell" / "router.py")
    for page in sorted((settings.PROJECT / "pages").glob("*.py")):
        app = AppTest.from_file(router, default_timeout=PATIENCE).run()
        assert not app.switch_page(str(page)).run().exception


def test_jobs_of_sagemaker_are_read_in_the_state_that_they_had(home: Path) -> None:
    old_homes.unpack(old_homes.SAGEMAKER, home)
    states = {job.name: (job.backend, job.state) for kind in kinds() for job in jobs.readable(kind)}
    assert states["Small"] == ("local", State.COMPLETED)
    there = {state for backend, state in states.values() if backend == "sagemaker"}
    assert there == {State.STOPPED}
