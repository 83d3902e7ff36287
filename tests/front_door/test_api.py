"""Fieldmark from Python: the street without a browser, with the ids and the home of the pages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import fieldmark as fm
from core import settings
from core.jobs import store as jobs
from core.models import store as models
from fieldmark.api import training
from fieldmark.api.work import Standing
from tests import shapes
from tests.patience import PATIENCE


@pytest.fixture
def photos(tmp_path: Path) -> fm.Dataset:
    shapes.draw(tmp_path / "shapes")
    return fm.import_folder(tmp_path / "shapes", "Shapes")


def test_from_a_folder_to_answers(photos: fm.Dataset, tmp_path: Path) -> None:
    assert photos.classes == ("circle", "square", "triangle")
    assert len(photos) == len(photos.photos) == photos.counts.to_numpy().sum()
    assert fm.dataset("Shapes") == fm.dataset(photos.id, "v1") == photos

    told: list[Standing] = []
    model = fm.train(photos, arch="lite0@64", tell=told.append)
    assert fm.models() == [model] == [fm.model(model.name)]
    assert told
    assert models.read(model.id).version_id == photos.version

    found = model.evaluate()
    assert found.split == "test"
    assert found.confusion.to_numpy().sum() == found.accuracy.n == len(found.photos)
    assert list(found.confusion.index) == list(model.classes) == list(found.classes["label"])
    with pytest.raises(fm.UserError, match="no predictions for 'other'"):
        model.evaluate("other")

    folder = tmp_path / "shapes"
    asked = [folder / path for path in photos.photos["path"][:2]]
    broken = tmp_path / "broken.jpg"
    broken.write_text("no photo")
    before = jobs.listing()
    by_batch = model.predict([*asked, broken, asked[0]])
    assert jobs.listing() == before, "the batch is deleted again"
    assert list(by_batch["path"]) == [str(path) for path in [*asked, broken, asked[0]]]
    assert [bool(text) for text in by_batch["error"]] == [False, False, True, False]

    endpoint = model.deploy()
    assert fm.endpoints() == [endpoint] == [fm.endpoint(endpoint.name)]
    by_endpoint = model.predict([*asked, broken, asked[0]])
    assert list(by_endpoint["label"][:2]) == list(by_batch["label"][:2])
    assert by_endpoint["probability"][0] == pytest.approx(by_batch["probability"][0], abs=0.02)
    assert by_endpoint["error"][2]
    endpoint.delete()
    endpoint.delete()
    assert fm.endpoints() == []

    table = model.batch(folder, tmp_path / "answers.csv")
    assert table.photos == len(photos)
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 1 + len(photos)
    with pytest.raises(fm.UserError, match="exists"):
        model.batch(folder, tmp_path / "answers.csv")
    with pytest.raises(fm.UserError, match="has to end in"):
        model.batch(folder, tmp_path / "answers.xlsx")

    archive = model.export(tmp_path)
    assert archive == tmp_path / f"{model.id}.tar.gz"
    assert models.unpack(archive, _new(tmp_path / "unpacked"))["classes"] == list(model.classes)
    with pytest.raises(fm.UserError, match="exists"):
        model.export(tmp_path)
    exported = photos.export(tmp_path / "exported")
    assert {path.name for path in exported.iterdir() if path.is_dir()} <= set(settings.SPLITS)
    assert set(fm.jobs()["kind"]) == {"import", "training", "transform", "export"}


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_search_has_a_leaderboard_and_a_best_model(photos: fm.Dataset) -> None:
    found = fm.tune(photos, {"weight_decay": (0.01, 1)}, trials=2, arch="lite0@64")
    board = found.leaderboard
    assert len(board) == 2
    assert found.best.id == board["job"].iloc[0]
    assert found.best.evaluate("validation").accuracy.n


def test_an_inspection_returns_its_findings(photos: fm.Dataset) -> None:
    found = photos.inspect()
    assert {"kind", "path", "label", "suggestion", "score"} <= set(found.columns)


def test_what_cant_be_used_is_refused_with_its_name(photos: fm.Dataset, tmp_path: Path) -> None:
    with pytest.raises(fm.UserError, match="no hyperparameter 'colour'"):
        fm.train(photos, colour="red")
    with pytest.raises(fm.UserError, match="epochs: 'many' is not a number"):
        fm.train(photos, epochs="many")
    with pytest.raises(fm.UserError, match="'seed' cannot be tuned"):
        fm.tune(photos, {"seed": (1, 2)})
    with pytest.raises(fm.NotFound, match="no dataset called 'Birds'"):
        fm.dataset("Birds")
    with pytest.raises(fm.NotFound, match="no model called"):
        fm.model("none")
    with pytest.raises(fm.UserError, match="no folder"):
        fm.import_folder(tmp_path / "nowhere")
    fm.import_folder(tmp_path / "shapes", "More")
    with pytest.raises(fm.UserError, match="not a question"):
        fm.plan(tmp_path / "shapes", {"colour": "red"})
    assert not fm.models()


def test_a_job_that_fails_says_why(photos: fm.Dataset, tmp_path: Path) -> None:
    for path in (tmp_path / "shapes").rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(fm.JobFailed, match="has failed") as raised:
        fm.train(photos, arch="lite0@64")
    assert jobs.read(raised.value.job).status.reason in str(raised.value)


def test_ranges_are_read_on_their_usual_scale() -> None:
    assert training.range_of("weight_decay", (0.01, 1)).log
    assert training.range_of("epochs", (5, 9)).kind == "int"
    assert training.range_of("arch", ["lite0@64", "lite1@64"]).choices == ("lite0@64", "lite1@64")


def test_another_package_of_a_part_s_name_is_said(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").write_text("")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import core; import fieldmark"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.PROJECT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert "Another package is called 'core'" in done.stderr
