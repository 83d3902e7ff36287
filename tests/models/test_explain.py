"""Explanations on request: made by a real model in a process of its own, kept, and refused in words."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import settings
from core.datasets import store
from core.errors import BackendError, BadImage, NotFound, UserError
from core.jobs import tasks
from core.models import explain
from core.models import store as models


@pytest.fixture
def photo(small_model: models.Model) -> Path:
    row = small_model.predictions().of_split("test")
    return store.image_path(store.dataset(small_model.dataset_id), str(row.path[0]))


def test_the_maps_of_a_photo_are_made_once_and_kept_with_the_model(
    small_model: models.Model, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = explain.saliency_maps(small_model, photo, ["circle", "square"])
    assert list(made) == ["circle", "square"]
    for path in made.values():
        assert path.is_relative_to(small_model.folder.output)
        assert hashlib.sha256(photo.read_bytes()).hexdigest() in path.name
        with Image.open(path) as found, Image.open(photo) as original:
            assert (found.format, found.size) == ("JPEG", original.size)
    monkeypatch.setattr(tasks, "run", lambda *_: pytest.fail("asked again"))
    assert explain.saliency(small_model, photo, "square") == made["square"]
    image_id = hashlib.sha256(photo.read_bytes()).hexdigest()
    assert explain.kept_maps(small_model, image_id, ["circle"]) == {"circle": made["circle"]}


def test_the_features_of_a_photo_are_made_once_and_kept(
    small_model: models.Model, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = explain.features(small_model, photo)
    assert made.shape == (small_model.description["backbones"][0]["dimensions"],)
    assert made.dtype == np.float32
    monkeypatch.setattr(tasks, "run", lambda *_: pytest.fail("asked again"))
    assert np.array_equal(explain.features(small_model, photo), made)


def test_what_cannot_be_explained_is_refused_in_words(
    small_model: models.Model, photo: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no photo")
    with pytest.raises(UserError, match="has no class 'robin'"):
        explain.saliency(small_model, photo, "robin")
    with pytest.raises(BadImage, match="not a photo"):
        explain.saliency(small_model, text, "circle")
    with pytest.raises(BadImage, match="not a photo"):
        explain.features(small_model, text)
    with pytest.raises(BadImage, match=r"gone\.jpg can't be read"):
        explain.saliency(small_model, tmp_path / "gone.jpg", "circle")
    (small_model.folder.model / models.WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(BackendError, match=r"model\.safetensors is not a complete"):
        explain.saliency(small_model, photo, "circle")
    (small_model.folder.model / models.WEIGHTS).unlink()
    with pytest.raises(NotFound, match="deleted from this machine"):
        explain.saliency(small_model, photo, "circle")


def test_an_upload_is_kept_for_a_day_under_the_hash_of_its_bytes(photo: Path) -> None:
    data = photo.read_bytes()
    path = explain.keep_upload(data)
    assert path == explain.keep_upload(data)
    assert path.parent == settings.uploads_dir()
    assert hashlib.sha256(data).hexdigest() in path.name
    assert path.read_bytes() == data
    strange = settings.uploads_dir() / "birds.zip"
    strange.write_text("an import that is still being made")
    old = time.time() - 2 * explain.KEPT_UPLOAD_SECONDS
    os.utime(strange, (old, old))
    explain.forget_uploads()
    assert path.exists()
    os.utime(path, (old, old))
    explain.forget_uploads()
    assert not path.exists()
    assert strange.exists()


def test_an_upload_that_is_no_photo_is_not_kept() -> None:
    for data in (b"", b"no photo"):
        with pytest.raises(BadImage):
            explain.keep_upload(data)
    assert list(settings.uploads_dir().iterdir()) == []
