"""The overview: a checklist that ticks itself, figures that agree with the sidebar, the bin; and help."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import settings
from core.backends import Endpoint, EndpointState
from core.bin import deleted
from core.datasets import store
from core.jobs import store as jobs
from core.jobs.store import State, Status
from tests.datasets import made
from tests.patience import PATIENCE
from ui.notices import first_run
from ui.overview import checklist
from ui.overview import home as blocks
from ui.overview.checklist import Home
from ui.shell import help as help_page
from ui.shell import sidebar

ROUTER = str(settings.PROJECT / "ui" / "shell" / "router.py")
TITLES = [
    "Import photos",
    "Train a model",
    "Look at its mistakes",
    "Deploy it",
    "Classify photos of your own",
]


def overview() -> AppTest:
    return AppTest.from_file(ROUTER, default_timeout=PATIENCE).run()


def new_job(kind: str, state: State = State.COMPLETED) -> jobs.Job:
    job_id = jobs.new_id(kind)
    job, handle = jobs.create(job_id, kind, f"A {kind}", "local", {"name": f"A {kind}"})
    assert handle is not None
    os.close(handle)
    jobs.write_status(job.folder, Status(state, started=1.0, ended=2.0))
    return jobs.read(job_id)


def dataset(home: Path) -> store.Version:
    frame = made.frame({"crow": 4, "jay": 4})
    return store.add_dataset("Birds", home, "folder", frame, {}, split={})


def endpoint(state: EndpointState) -> Endpoint:
    return Endpoint(f"fm-endpoint-{state}", "Birds", "local", "gone", state, 0.0)


def done(found: Home) -> list[str]:
    return [step.title for step in checklist.steps(found) if step.is_done]


def test_the_steps_tick_themselves(home: Path) -> None:
    found = Home([], [], [], [])
    assert [step.title for step in checklist.steps(found)] == TITLES
    assert done(found) == []
    dataset(home)
    found = replace(found, datasets=store.datasets())
    assert done(found) == TITLES[:1]
    first_run.mark(first_run.MISTAKES)
    assert done(found) == [TITLES[0], TITLES[2]]
    assert done(replace(found, jobs=[new_job("endpoint")])) == [TITLES[0], *TITLES[2:4]]
    assert done(replace(found, jobs=[new_job("transform")])) == [TITLES[0], TITLES[2], TITLES[4]]
    first_run.mark(first_run.ASKED)
    assert done(found) == [TITLES[0], TITLES[2], TITLES[4]]


def test_an_empty_home_shows_the_checklist_and_it_can_not_be_hidden(home: Path) -> None:
    first_run.mark(first_run.HIDDEN)
    app = overview()
    assert not app.exception
    assert [one.label for one in app.button if one.key == "next_sample"]
    assert "checklist_hide" not in {one.key for one in app.button}


def test_the_checklist_is_hidden_for_good_and_help_brings_it_back(home: Path) -> None:
    dataset(home)
    app = overview()
    app.button(key="checklist_hide").click().run()
    assert "Getting started" not in {one.value for one in app.header}
    assert "Getting started" not in {one.value for one in overview().header}
    app = app.switch_page(str(settings.PROJECT / "pages" / "help.py")).run()
    assert not app.exception
    app.button(key="help_checklist").click().run()
    assert first_run.HIDDEN not in first_run.marks()


def test_marks_survive_what_can_not_be_read_or_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.home() / "first-run.json").write_text("{")
    assert first_run.marks() == set()
    first_run.mark("asked")
    assert first_run.marks() == {"asked"}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.io.files.write_json", full)
    first_run.mark("mistakes")
    assert first_run.marks() == {"asked"}


def test_jobs_are_counted_without_imports_inspections_and_trials(home: Path) -> None:
    found = [new_job(kind) for kind in ("training", "tuning", "transform", "import", "inspect")]
    trial = replace(found[0], spec={"tuning_id": found[1].id})
    assert [blocks.is_job(job) for job in [*found, trial]] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_the_sidebar_calls_running_jobs_what_they_are(home: Path) -> None:
    kinds = ("training", "import", "transform", "inspect")
    running = [new_job(kind, State.IN_PROGRESS) for kind in kinds]
    found = {noun: len(jobs) for noun, jobs in sidebar._by_noun(running).items()}
    assert found == {"job": 2, "import": 1, "inspection": 1}


def test_an_endpoint_that_starts_is_not_called_live() -> None:
    found = [endpoint(EndpointState.CREATING), endpoint(EndpointState.IN_SERVICE)]
    assert blocks.states(found) == "1 starting, 1 live"
    assert blocks.states([]) == ""


def test_what_was_deleted_is_listed_and_comes_back(home: Path) -> None:
    version = dataset(home)
    group = store.move_to_bin(version.dataset_id)
    app = overview()
    assert [one.label for one in app.expander if one.label.startswith("Deleted (1, ")]
    app.button(key=f"bin_restore_{group}").click().run()
    assert not app.exception
    assert store.dataset(version.dataset_id).name == "Birds"
    assert [toast.value for toast in app.toast] == ["Restored Birds"]


def test_what_was_deleted_can_be_deleted_for_good(home: Path) -> None:
    group = store.move_to_bin(dataset(home).dataset_id)
    app = overview()
    app.button(key=f"bin_go_{group}").click().run()
    assert not app.exception
    assert deleted.listing() == []


def test_help_explains_the_words_that_the_pages_use() -> None:
    text = help_page._TEXT.read_text(encoding="utf-8")
    for word in ("Frozen", "Refit", "Calibration", "Temperature", "Unsure", "Unfamiliar", "Engine"):
        assert f"**{word}**" in text
    assert help_page.version()
