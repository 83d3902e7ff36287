"""Why a model answers as it does for one photo: where its evidence lies, and the features it makes.

Made on request, then kept.

A photo is any file: one of a dataset, or one that `keep_upload` has put away. What is made of it is
kept in the model's own run folder under the photo's content, and goes when the model goes.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core import settings
from core.errors import BadImage, NotFound, UserError
from core.io import files, images
from core.jobs import tasks
from core.models import similar as cached
from core.models.similar import COUNT, Similar
from core.models.store import DESCRIPTION, WEIGHTS, Model

KEPT_UPLOAD_SECONDS = 24 * 3600
_KEPT = re.compile(r"photo-[0-9a-f]{64}")


def saliency(model: Model, image: Path, label: str) -> Path:
    """A JPEG of the photo with the evidence for class `label` in colour over it (Grad-CAM, see
    sm_scripts/saliency.py).

    Raises BadImage for a photo that can't be opened, UserError for a class the model has not,
    NotFound where the model's files are gone, BackendError where the map can't be made.
    """
    return saliency_maps(model, image, [label])[label]


def saliency_maps(model: Model, image: Path, labels: Sequence[str]) -> dict[str, Path]:
    """As `saliency` for several classes at once, in one process: they share one scale."""
    wanted = kept_maps(model, _image_id(image), labels)
    missing = {label: path for label, path in wanted.items() if not path.is_file()}
    if missing:
        folder = _model_folder(model)
        images.open_image(image)
        chosen = [part for label in missing for part in ("--label", label)]
        _make_folder(model)
        tasks.run(
            "saliency",
            [str(folder), str(image), *(str(path) for path in missing.values()), *chosen],
        )
    return wanted


def kept_maps(model: Model, image_id: str, labels: Sequence[str]) -> dict[str, Path]:
    """Where the maps of a photo are, or will be, kept. UserError for a class the model has not."""
    unknown = [label for label in labels if label not in model.classes]
    if unknown:
        raise UserError(
            f"The model knows no class {unknown[0]!r}. Choose one of its {len(model.classes)} "
            "classes."
        )
    return {
        label: _folder(model) / f"{image_id}-{model.classes.index(label)}.jpg" for label in labels
    }


def similar(model: Model, image: Path, count: int = COUNT, leave_out: str = "") -> Similar:
    """The training photos most similar to this photo, see similar.similar_to_features; raises as
    that and as `saliency`."""
    known = cached.of_photo(model, _image_id(image))
    return cached.similar_to_features(
        model, features(model, image) if known is None else known, count, leave_out
    )


def features(model: Model, image: Path) -> npt.NDArray[np.float32]:
    """What the model's backbones make of the photo [all dimensions]. Raises as `saliency`."""
    path = _folder(model) / f"{_image_id(image)}.npy"
    if not path.is_file():
        _make_folder(model)
        images.open_image(image)
        tasks.run("embed", [str(_model_folder(model)), str(image), str(path)])
    made: npt.NDArray[np.float32] = np.load(path, allow_pickle=False)
    return made


def keep_upload(data: bytes) -> Path:
    """Puts an uploaded photo where the functions above can read it, under the hash of its bytes;
    for a day. Raises BadImage."""
    images.open_image(data)
    path = settings.uploads_dir() / f"photo-{hashlib.sha256(data).hexdigest()}"
    if path.is_file():
        path.touch()
    else:
        files.write_bytes(path, data)
    return path


def forget_uploads() -> None:
    """Removes the photos that `keep_upload` put away more than a day ago."""
    for path in settings.uploads_dir().iterdir():
        with suppress(FileNotFoundError):
            if (
                _KEPT.fullmatch(path.name)
                and time.time() - path.stat().st_mtime > KEPT_UPLOAD_SECONDS
            ):
                path.unlink()


def _image_id(image: Path) -> str:
    try:
        with image.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadImage(f"{image.name} can't be read: {error.strerror or error}.") from error


def _folder(model: Model) -> Path:
    return model.folder.output / "explained"


def _make_folder(model: Model) -> None:
    """Where the maps are kept; a model that was deleted meanwhile gets no folder again."""
    with files.there(model.folder.path, "model"):
        files.folder_below(model.folder.output, "explained")


def _model_folder(model: Model) -> Path:
    folder = model.folder.model
    if not (folder / DESCRIPTION).is_file() or not (folder / WEIGHTS).is_file():
        raise NotFound(
            f"The files of model {model.name} are not on this machine any more, so it can't look "
            "at a photo. Train it again."
        )
    return folder
