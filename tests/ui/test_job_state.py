"""The Stop button of a job: what it does, and how long that takes on each backend."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import store as jobs

MINUTES = "SageMaker takes up to two minutes to stop a job"


def _page(job_id: str) -> None:
    from core.jobs import store
    from ui.shared import job_state

    job_state.stop_button(store.read(job_id))


def drawn(backend: str, asked: bool) -> AppTest:
    job, lock = jobs.create(jobs.new_id("training"), "training", "Small", backend, {})
    assert lock is not None
    os.close(lock)
    if asked:
        job.folder.stop_request.touch()
    return AppTest.from_function(_page, args=(job.id,), default_timeout=30).run()


@pytest.mark.parametrize("asked", [False, True])
def test_on_sagemaker_a_stop_says_how_long_it_takes(home: Path, asked: bool) -> None:
    app = drawn("sagemaker", asked)
    assert app.button[0].label == ("Stopping..." if asked else "Stop")
    assert "last checkpoint" in app.button[0].help
    assert MINUTES in app.button[0].help
    assert MINUTES in app.caption[0].value


def test_on_this_workstation_it_takes_no_time_worth_a_word(home: Path) -> None:
    app = drawn("local", asked=False)
    assert app.button[0].help == "Saves a checkpoint, then stops."
    assert not app.caption
