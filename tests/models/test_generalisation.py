"""Two numbers of a model: on photos like those it knows, and on groups that it has never seen."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import fieldmark as fm
from core import settings
from core.errors import BackendError
from core.models import generalisation
from core.models import store as models
from tests import shapes
from tests.patience import PATIENCE

ROUTER = settings.PROJECT / "ui" / "shell" / "router.py"


@pytest.fixture
def model(tmp_path: Path) -> models.Model:
    """A model of shapes, each photo of one of eight animals."""
    folder = shapes.draw(tmp_path / "shapes", 24)
    draw = random.Random(3)
    rows = [
        [path.relative_to(folder).as_posix(), path.parent.name, f"no. {draw.randrange(8)}"]
        for path in sorted(folder.rglob("*.png"))
    ]
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "animal"], *rows])
    trained = fm.train(fm.import_folder(folder, "Shapes"), arch="lite0@64")
    return models.read(trained.id)


def test_what_is_learned_by_heart_does_not_help_with_a_new_group() -> None:
    """Each group has a mark of its own that tells its class, and the class itself shows only a
    little: as photos of one animal do."""
    draw = np.random.default_rng(1)
    group = np.repeat(np.arange(60), 10)
    labels = (group % 3).astype(np.int64)
    marks, classes = draw.normal(size=(60, 80)) * 3, draw.normal(size=(3, 80))
    features = marks[group] + classes[labels] + draw.normal(size=(600, 80)) * 0.3
    ids = pd.Series([f"{number:064x}" for number in range(600)])
    unit = pd.Series([f"{number:064x}" for number in group])
    right = [
        generalisation._held_out(
            features.astype(np.float32), labels, generalisation._folds(of), 0.01
        )
        for of in (ids, unit)
    ]
    assert right[0].mean() == 1.0
    assert right[1].mean() < 0.95
    low, high = generalisation._by_groups(right[1], unit)
    assert low is not None
    assert high is not None
    assert low < right[1].mean() < high
    assert high - low > 2 * 1.96 * np.sqrt(0.25 / 600), "groups tell less than single photos"


def test_folds_keep_units_whole_and_are_of_about_one_size() -> None:
    draw = np.random.default_rng(2)
    unit = pd.Series([f"{number:064x}" for number in draw.integers(0, 40, 500)])
    fold = pd.Series(generalisation._folds(unit))
    assert (fold.groupby(unit).nunique() == 1).all()
    sizes = fold.value_counts()
    assert len(sizes) == generalisation.FOLDS
    assert sizes.max() - sizes.min() <= unit.value_counts().max()


def page(model: models.Model, view: str) -> AppTest:
    app = AppTest.from_file(str(ROUTER), default_timeout=PATIENCE)
    app.query_params["model"] = model.id
    app.query_params["mo_view"] = view
    app.switch_page(str(settings.PROJECT / "pages" / "models.py")).run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    return "\n".join(item.value for item in app.caption)


def test_a_person_measures_it_and_both_numbers_stand_on_every_view(model: models.Model) -> None:
    assert "measure the model on new values under Slices" in said(page(model, "Confusion"))
    app = page(model, "Slices")
    app.button(key="mo_measure_groups").click().run()
    assert not app.exception
    found = generalisation.of(model)["animal"]
    assert (found.groups, found.left_out) == (8, 0)
    assert found.known.n == found.new.n == 72
    assert found.new.low is not None
    words = f"{found.new.value:.3f}** on a new animal"
    assert words in said(app)
    assert words in said(page(model, "Confusion"))


def test_photos_without_groups_are_not_asked_for_any(small_model: models.Model) -> None:
    assert generalisation.options(small_model) == {}
    assert "Cross-validated" not in said(page(small_model, "Slices"))
    with pytest.raises(BackendError, match="cannot be grouped by 'animal'"):
        generalisation.measure(small_model, "animal")
    (small_model.folder.output / generalisation.FILE).write_text("{")
    assert generalisation.of(small_model) == {}


def test_few_groups_have_no_interval() -> None:
    unit = pd.Series(["a"] * 5 + ["b"] * 5)
    assert generalisation._by_groups(np.ones(10, dtype=bool), unit) == (None, None)
