"""The slices of a real model: by the columns of its dataset's table, on the page and behind it."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import fieldmark as fm
from core import settings
from core.evaluation import slices
from core.models import attributes
from core.models import store as models
from tests import shapes
from tests.patience import PATIENCE

ROUTER = settings.PROJECT / "ui" / "shell" / "router.py"
PER_CLASS = 120


@pytest.fixture
def model(tmp_path: Path) -> models.Model:
    """A model of shapes, those in fog blackened, with a table that names the weather."""
    folder = shapes.draw(tmp_path / "shapes", PER_CLASS)
    draw = random.Random(1)
    rows = []
    for path in sorted(folder.rglob("*.png")):
        weather = draw.choice(["sun", "fog", "rain"])
        if weather == "fog":
            Image.open(path).point(lambda value: value // 32).save(path)
        rows.append([path.relative_to(folder).as_posix(), path.parent.name, weather, "8.55"])
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "weather", "latitude"], *rows])
    trained = fm.train(fm.import_folder(folder, "Shapes"), arch="lite0@64")
    return models.read(trained.id)


def page(address: str) -> AppTest:
    app = AppTest.from_file(str(ROUTER), default_timeout=PATIENCE)
    for name, value in dict(pair.split("=") for pair in address.split("&")).items():
        app.query_params[name] = value
    app.switch_page(str(settings.PROJECT / "pages" / "models.py")).run()
    assert not app.exception
    return app


def test_a_model_is_sliced_by_what_its_dataset_knows(model: models.Model) -> None:
    part = model.predictions().of_split("test")
    known = attributes.of(model, part)
    assert len(known) == len(part)
    assert {"weather", attributes.SIZE, attributes.SHAPE} <= set(known.columns)
    assert "latitude" not in known.columns
    table = slices.table(part, known)
    fog = table[table["slice"] == "weather: fog"].iloc[0]
    rows = slices.members(known, ("weather",), ("fog",))
    assert fog["correct"] == np.count_nonzero(part.correct[rows])

    drawn = page(f"model={model.id}&mo_view=Slices&mo_slice_column=weather")
    said = "\n".join(item.value for item in [*drawn.warning, *drawn.success, *drawn.markdown])
    worst = table["slice"].iloc[0]
    assert ("did worse than the rest" in said) is bool(table["found"].any())
    assert drawn.selectbox(key="mo_slice").options[0] in set(table["slice"])
    assert worst.split(":")[0] in drawn.selectbox(key="mo_slice_column").options


def test_a_model_without_columns_says_what_to_do(small_model: models.Model) -> None:
    drawn = page(f"model={small_model.id}&mo_view=Slices")
    assert [box.value for box in drawn.info if "nothing to slice by" in box.value]
