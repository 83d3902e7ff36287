"""The Tune page, drawn by Streamlit's own test runner: with nothing, with a few trials, and with five hundred of them."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import settings
from core.datasets import store
from core.jobs import store as jobs
from core.jobs.specs import TuningSpec
from core.jobs.store import State, Status
from core.tuning.space import Range
from tests.datasets import made as photos
from tests.patience import PATIENCE
from tests.tuning import made

ROUTER = str(settings.PROJECT / "ui" / "shell" / "router.py")
SPACE = {
    **made.SPACE,
    "epochs": Range("int", 5, 40),
    "head": Range("choice", choices=("linear", "mlp")),
}
VIEWS = ("Leaderboard", "History", "Parameters", "Importance", "Curves")


def page(**parameters: str) -> AppTest:
    app = AppTest.from_file(ROUTER, default_timeout=PATIENCE)
    app.query_params.update(parameters)
    app.run()
    return app.switch_page(str(settings.PROJECT / "pages" / "tune.py")).run()


def tuned(count: int, seed: int = 1, **more: object) -> TuningSpec:
    """A tuning job that has ended after `count` trials, a few of them failed."""
    rng = random.Random(seed)
    spec = made.spec(SPACE, max_trials=count, **more)
    progress = {
        "trials": count,
        "best": 0.9,
        "ended": f"all {count} trials ran",
        "warm_start_trials": 0,
    }
    made.job_folder(
        spec, Status(State.COMPLETED, "", time.time() - 60, time.time(), progress=progress)
    )
    for number in range(1, count + 1):
        params = {
            name: rng.choice(values.choices)
            if values.kind == "choice"
            else values.text(values.at(rng.random()))
            for name, values in SPACE.items()
        }
        state = State.FAILED if number % 25 == 9 else State.COMPLETED
        made.trial_folder(
            spec,
            number,
            {} if number == 1 else params,
            rng.randint(30, 46),
            rng.random(),
            state=state,
        )
    return spec


def words(app: AppTest) -> str:
    return " ".join(
        element.value
        for kind in (app.markdown, app.caption, app.info, app.warning)
        for element in kind
    )


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_a_small_job(home: Path, view: str) -> None:
    spec = tuned(12)
    app = page(job=spec.id)
    app.session_state["tu_view"] = view
    app.run()
    assert not app.exception
    assert "Finished: all 12 trials ran" in words(app).replace("\\", "")


def test_a_trial_has_a_link_of_its_own(home: Path) -> None:
    spec = tuned(4)
    app = page(job=spec.id, trial="3")
    assert not app.exception
    assert "**Trial 3**" in words(app)


def test_filters_hold_for_the_table(home: Path) -> None:
    spec = tuned(30)
    app = page(job=spec.id)
    app.number_input(key=f"tu_f_{spec.id}_top").set_value(5).run()
    assert "5 of 30 trials match the filters." in words(app)
    app.number_input(key=f"tu_f_{spec.id}_weight_decay_low").set_value(5000.0).run()
    assert "0 of 30 trials match the filters." in words(app)
    app.button(key=f"tu_f_{spec.id}_reset").click().run()
    assert "match the filters" not in words(app)
    assert not app.exception


def test_fault_52_five_hundred_trials_are_drawn_quickly(home: Path) -> None:
    spec = tuned(500)
    page(job=spec.id)
    for view in VIEWS:
        app = page(job=spec.id)
        app.session_state["tu_view"] = view
        start = time.process_time()
        app.run()
        assert time.process_time() - start < 10, view
        assert not app.exception


def test_tuning_jobs_over_each_other(home: Path) -> None:
    first, second = tuned(6), tuned(8, seed=2, strategy="random")
    app = page(view="compare", jobs=f"{first.id},{second.id}")
    assert not app.exception
    differing = app.dataframe[-1].value
    assert set(differing["setting"]) == {"strategy", "trials"}


def test_trials_do_not_flood_the_other_pages(home: Path) -> None:
    tuned(30)
    app = AppTest.from_file(ROUTER, default_timeout=PATIENCE).run()
    app.switch_page(str(settings.PROJECT / "pages" / "train.py")).run()
    assert not app.exception
    assert app.toggle(key="tr_trials").label == "Show 30 trials of tuning jobs"
    assert "Trial" not in " ".join(element.proto.label for element in app.get("page_link"))
    app.switch_page(str(settings.PROJECT / "pages" / "overview.py")).run()
    assert sum("Made up" in element.proto.label for element in app.get("page_link")) == 1


def test_the_form_says_what_a_grid_means(home: Path) -> None:
    frame = photos.frame({"cat": 4, "dog": 4}).assign(
        split=["train", "train", "validation", "test"] * 2
    )
    store.add_dataset("Toys", home, "made by a test", frame, {}, split={})
    app = page()
    app.selectbox(key="tu_strategy_new").set_value("grid").run()
    assert "5 x 5 = **25 trials**" in words(app)
    app.number_input(key="tu_trials_new").set_value(10).run()
    assert "10 of them will run" in words(app)
    assert "one photo is 50.0 points" in words(app)
    app.text_input(key="tu_space_new_frozen_head_weight_decay_low").set_value("0").run()
    assert "above 0" in words(app)
    app.button(key="tu_start").click().run()
    assert not jobs.listing("tuning")
    assert not app.exception
