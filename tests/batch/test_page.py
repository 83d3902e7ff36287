"""The Batch page and the review queue, drawn by Streamlit's own test runner over jobs that really ran."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import settings
from core.datasets import store
from core.datasets.editing import review
from core.datasets.editing.review import Entry
from core.io import files
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TransformSpec
from core.jobs.store import Job
from core.models import store as models
from tests import shapes
from tests.batch.conftest import ended, started
from tests.ui.test_pages import drawn
from ui.batch.review_cards import DECK

PAGE = "batch.py"


@pytest.fixture(scope="module")
def finished(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A batch over a folder: labelled and unlabelled photos, one of them known from training, one broken, one with a hostile name."""
    folder = shapes.draw(tmp_path_factory.mktemp("page") / "photos", per_class=6)
    shapes.photo("square", 999).save(folder / ":red[x] <script>.png")
    (folder / "broken.jpg").write_bytes(b"no photo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMARK_HOME", str(shared_home))
        patch.setenv("FIELDMARK_IMPORT_ROOTS", str(folder))
        model = models.listing()[-1]
        return ended(
            started(
                TransformSpec(
                    "Shapes again", model.id, "folder", path=str(folder), shown=str(folder)
                )
            )
        )


@pytest.fixture(autouse=True)
def empty_queue(home: Path) -> Iterator[None]:
    yield
    shutil.rmtree(home / "review", ignore_errors=True)


def words(app: AppTest) -> str:
    elements = (*app.markdown, *app.caption, *app.warning, *app.info, *app.error, *app.success)
    return " ".join(str(element.value) for element in elements)


def pressed(app: AppTest, key: str) -> AppTest:
    app = app.button(key=key).click().run()
    assert not app.exception
    return app


def test_a_batch_is_started_from_the_form_and_a_double_click_makes_one(model: models.Model) -> None:
    before = {job.id for job in jobs.readable("transform")}
    app = drawn(PAGE)
    assert not app.exception
    app.text_input(key="ba_name").input("From the form").run()
    spec_id = app.session_state["ba_id"]
    pressed(app, "ba_run")
    (job,) = [job for job in jobs.readable("transform") if job.id not in before]
    assert (job.id, job.name) == (spec_id, "From the form")
    assert job.spec["split"] == "test"
    assert ended(job).state is jobs.State.COMPLETED


def test_a_folder_that_can_not_be_used_is_refused_beside_the_form() -> None:
    app = drawn(PAGE)
    app.segmented_control(key="ba_source").set_value("folder").run()
    app.text_input(key="ba_folder").input("/etc").run()
    app = pressed(app, "ba_run")
    assert "outside the folders" in words(app).replace("\\", "")


def test_the_results_say_what_there_is_and_what_to_beware_of(finished: Job) -> None:
    app = drawn(PAGE, job=finished.id)
    assert not app.exception
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Photos"] == "20"
    assert figures["Errors"] == "1"
    assert "1 of 20 photos could not be used" in words(app)
    assert "The model was trained on" in words(app)


def test_what_a_failed_batch_has_is_shown_and_counted(finished: Job) -> None:
    folder = RunFolder.of(jobs.new_id("transform"))
    shutil.copytree(finished.folder.path, folder.path)
    job = {**files.read_json(folder.spec), "id": folder.path.name}
    files.write_json(folder.spec, job)
    status = files.read_json(folder.status)
    total = {**status["progress"], "total": 25}
    files.write_json(folder.status, {**status, "state": "Failed", "reason": "!", "progress": total})
    app = drawn(PAGE, job=folder.path.name)
    assert not app.exception
    assert "19 of 25 photos were classified before this batch ended" in words(app)


@pytest.mark.parametrize("view", ["photos", "table", "classes", "accuracy", "about"])
def test_every_view_is_drawn(finished: Job, view: str) -> None:
    app = drawn(PAGE, job=finished.id)
    app.segmented_control(key="ba_view").set_value(view).run()
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("outcome", ["right", "unlabelled", "errors"])
def test_filters_narrow_the_rows(finished: Job, outcome: str) -> None:
    app = drawn(PAGE, job=finished.id)
    app.pills(key="ba_show").set_value(outcome).run()
    assert not app.exception
    if outcome == "errors":
        assert list(app.dataframe[0].value["path"]) == ["broken.jpg"]
    else:
        assert f"{19 - 18 if outcome == 'unlabelled' else 18} photo" in words(app)


def test_fault_12_foreign_names_are_shown_as_text(finished: Job) -> None:
    app = drawn(PAGE, job=finished.id)
    assert ":red[x]" not in words(app)


def reviewed(*steps: dict[str, str]) -> AppTest:
    """The review queue after these steps on its cards; each has a key of its own, as the browser gives it."""
    app = drawn(PAGE, view="review")
    app.session_state[DECK] = {"steps": [{"key": str(n), **step} for n, step in enumerate(steps)]}
    app = app.run()
    assert not app.exception
    return app


def set_aside(finished: Job) -> Entry:
    """The one photo of the batch without a label, in the queue."""
    app = drawn(PAGE, job=finished.id)
    app.pills(key="ba_show").set_value("unlabelled").run()
    pressed(app, "ba_aside")
    (entry,) = review.entries()
    return entry


def decision(entry: Entry) -> tuple[str, bool]:
    now = review.read(entry.id)
    return now.proposed, now.decided


def test_photos_are_set_aside_decided_and_become_a_version(
    finished: Job, model: models.Model
) -> None:
    entry = set_aside(finished)
    assert entry.answer[0]["label"] == entry.proposed
    assert entry.origin == finished.id
    app = reviewed({"action": "decide", "id": entry.id, "label": "circle"})
    assert decision(entry) == ("circle", True)
    app = pressed(app, "rv_decide")
    assert "your own folder" in words(app).replace("\\", "")
    app.checkbox(key="rv_own").check().run()
    pressed(app, "rv_decide")
    newest = store.latest(model.dataset_id)
    assert newest.parent == model.version_id
    frame = store.manifest_of(newest)
    added = frame[frame["image_id"] == entry.id].iloc[0]
    assert (added["label"], added["split"]) == ("circle", "train")
    assert review.count() == 0


def test_each_step_of_a_review_is_done_once_and_undo_takes_it_back(finished: Job) -> None:
    entry = set_aside(finished)
    decide = {"action": "decide", "id": entry.id, "label": "circle"}
    leave_out = {"action": "decide", "id": entry.id, "label": review.LEAVE_OUT}
    undo = {"action": "undo"}
    app = reviewed(decide, leave_out)
    assert decision(entry) == (review.LEAVE_OUT, True)
    review.propose([entry.id], "square", decided=False)
    app = app.run()
    assert decision(entry) == ("square", False), "no step is done again"
    reviewed(decide, leave_out, undo)
    assert decision(entry) == ("circle", True)
    review.propose([entry.id], "square", decided=False)
    reviewed(decide, leave_out, undo, undo)
    assert decision(entry) == ("square", False)
    reviewed(decide, {"action": "reopen", "id": entry.id})
    assert decision(entry) == ("circle", False)


def test_a_new_class_is_said_before_a_version_is_created(finished: Job) -> None:
    entry = set_aside(finished)
    app = reviewed({"action": "decide", "id": entry.id, "label": "Boboli"})
    assert decision(entry) == ("Boboli", True)
    assert "1 new class" in words(app)


def test_an_empty_queue_and_a_strange_link_say_so(model: models.Model) -> None:
    assert "The queue is empty" in words(drawn(PAGE, view="review"))
    app = drawn(PAGE, view="review", made="nothing-1:v9")
    assert not app.exception
    app = drawn(PAGE, job=model.id)
    assert not app.exception
    assert "not a batch" in words(app)


def test_without_a_model_the_way_to_one_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.ENV_HOME, str(tmp_path / "fresh"))
    app = drawn(PAGE)
    assert not app.exception
    assert "No models yet" in words(app)
