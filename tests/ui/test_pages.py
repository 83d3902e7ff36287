"""Every page, drawn by Streamlit's own test runner over homes with nothing, one job and many (fault 52), and who may see it (fault 51)."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import settings
from core.io import files
from core.jobs import store as jobs
from core.jobs import worker
from core.jobs.run_folder import RunFolder
from core.jobs.store import State, Status
from tests.patience import PATIENCE
from ui.shared import jobs_table
from ui.text import plain

PAGES = sorted(path.name for path in (settings.PROJECT / "pages").glob("*.py"))
ROUTER = str(settings.PROJECT / "ui" / "shell" / "router.py")
SECONDS = PATIENCE


def drawn(name: str, **parameters: str) -> AppTest:
    """The page as the router shows it, with these query parameters."""
    app = AppTest.from_file(ROUTER, default_timeout=SECONDS)
    app.query_params.update(parameters)
    app.run()
    return app.switch_page(str(settings.PROJECT / "pages" / name)).run()


def ended_job(number: int, state: State = State.COMPLETED) -> str:
    """A training job's folder as it is left behind, without the training."""
    job_id = f"fm-training-20261101t{number:06d}-{number:06x}"
    spec = {
        "name": f"run {number}",
        "dataset_id": "gone-000000",
        "version_id": "v1",
        "hyperparameters": {},
        "id": job_id,
    }
    _, lock = jobs.create(job_id, "training", f"run {number}", "local", spec)
    assert lock is not None
    os.close(lock)
    folder = RunFolder.of(job_id)
    folder.log.write_text(
        "[metrics] epoch=1 train_loss=0.5 train_accuracy=0.8 validation_loss=0.6 validation_accuracy=0.75\n"
    )
    jobs.write_status(folder, Status(state, "", time.time() - 60, time.time()))
    return job_id


def test_every_kind_of_job_has_a_page_that_lists_link_to() -> None:
    assert {kind for _, kind in worker.RUNNERS} == set(jobs_table.PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_fault_52_an_empty_home(name: str) -> None:
    assert not drawn(name).exception


@pytest.mark.parametrize("name", PAGES)
def test_fault_52_one_job_whose_dataset_is_gone(name: str) -> None:
    job_id = ended_job(1)
    assert not drawn(name).exception
    assert not drawn(name, job=job_id).exception


def test_fault_52_five_hundred_jobs() -> None:
    for number in range(500):
        ended_job(number, State.FAILED if number % 7 == 0 else State.COMPLETED)
    for name in PAGES:
        assert not drawn(name).exception


@pytest.mark.parametrize("name", PAGES)
def test_a_link_to_what_is_not_there_says_so(name: str) -> None:
    gone = "fm-training-20260101t000000-abcdef"
    app = drawn(
        name,
        job=gone,
        model=gone,
        dataset="nothing-1",
        endpoint="fm-endpoint-20260101t000000-abcdef",
        clone=gone,
        version="v99",
    )
    assert not app.exception


def test_fault_35_an_unreadable_job_does_not_hide_the_others() -> None:
    ended_job(1)
    broken = ended_job(2)
    RunFolder.of(broken).spec.write_text("{")
    app = drawn("train.py")
    words = " ".join(element.value for element in app.markdown)
    assert not app.exception
    assert "unreadable" in words
    assert plain(broken) in words


def test_fault_12_foreign_names_are_shown_letter_by_letter() -> None:
    job_id = ended_job(1)
    folder = RunFolder.of(job_id)
    spec = json.loads(folder.spec.read_text())
    spec["name"] = "<script>alert(1)</script> :red[x] ![](http://example.com/x.png)"
    files.write_json(folder.spec, spec)
    app = drawn("train.py", job=job_id)
    assert not app.exception
    assert not any(element.allow_html for element in app.markdown)
    assert any(r"\:red\[x\]" in element.value for element in app.title)


def test_fault_51_without_a_sign_in_a_page_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PAGES:
        app = AppTest.from_file(str(settings.PROJECT / "pages" / name), default_timeout=SECONDS)
        app.secrets["auth"] = {
            "redirect_uri": "http://localhost/oauth2callback",
            "cookie_secret": "x",
            "client_id": "x",
            "client_secret": "x",
        }
        app.run()
        assert not app.exception
        assert [button.label for button in app.button] == ["Sign in"]


def test_jobs_are_listed_in_a_table_with_their_settings() -> None:
    ended_job(1)
    ended_job(2, State.FAILED)
    table = drawn("train.py").dataframe[0].value
    assert list(table["name"]) == ["run 2", "run 1"]
    assert [state for (state,) in table["state"]] == ["Failed", "Completed"]
    assert set(table["mode"]) == {"frozen"}
    assert set(table["dataset"]) == {"gone-000000 v1"}


def test_several_jobs_are_deleted_at_once_and_not_without_a_tick() -> None:
    chosen, kept = [ended_job(1), ended_job(2)], ended_job(3)
    app = drawn("train.py")
    app.session_state["tr.chosen"] = chosen
    app.run()
    (go,) = (button for button in app.button if button.label == "Delete 2 jobs")
    assert go.disabled
    next(box for box in app.checkbox if "Delete 2 jobs" in box.label).check().run()
    next(button for button in app.button if button.label == "Delete 2 jobs").click().run()
    assert [job.id for job in jobs.readable("training")] == [kept]
    assert not app.exception


def test_a_job_says_what_it_is_and_is_changed_in_place() -> None:
    job_id = ended_job(1)
    app = drawn("train.py", job=job_id)
    app.text_input(key=f"job_name_{job_id}").set_value("Better name")
    app.text_input(key=f"job_tags_{job_id}").set_value("crows, baseline")
    app.text_area(key=f"job_note_{job_id}").set_value("Of the first day.")
    app.button(key=f"job_save_{job_id}").click().run()
    changed = jobs.read(job_id)
    assert (changed.name, changed.tags) == ("Better name", ("crows", "baseline"))
    assert changed.note == "Of the first day."
    assert any("Of the first day" in caption.value for caption in app.caption)
    assert any("crows" in element.value for element in app.markdown)
    assert not app.exception
