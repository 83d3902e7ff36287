"""Explanations of a model's prediction for one photo: Grad-CAM and the most similar photos.

They are computed on request and cached.

A photo is any file: one of a dataset, or one that `keep_upload` stored. The cache is in the model's
run folder, keyed by the photo's content, and is deleted with the model.
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
    """Return a JPEG of the photo with the evidence for class `label` as a colour overlay (Grad-CAM,
    see sm_scripts/saliency.py).

    Raises BadImage for a photo that cannot be opened, UserError for a class that the model does not
    have, NotFound if the model's files are gone, BackendError if the map cannot be computed.
    """
    return saliency_maps(model, image, [label])[label]


def saliency_maps(model: Model, image: Path, labels: Sequence[str]) -> dict[str, Path]:
    """Return the map of each class, as `saliency` does, on one common scale."""
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
    """Return the paths of a photo's maps, whether they exist or not. UserError for an unknown
    class."""
    unknown = [label for label in labels if label not in model.classes]
    if unknown:
        raise UserError(
            f"The model has no class {unknown[0]!r}. Choose one of its {len(model.classes)} "
            "classes."
        )
    return {
        label: _folder(model) / f"{image_id}-{model.classes.index(label)}.jpg" for label in labels
    }


def similar(model: Model, image: Path, count: int = COUNT, leave_out: str = "") -> Similar:
    """Return the training photos most similar to this photo (see similar.similar_to_features).
    Raises the errors of that function and of `saliency`."""
    known = cached.of_photo(model, _image_id(image))
    return cached.similar_to_features(
        model, features(model, image) if known is None else known, count, leave_out
    )


def features(model: Model, image: Path) -> npt.NDArray[np.float32]:
    """Return the photo's features, of all backbones [dimensions]. Raises as `saliency` does."""
    path = _folder(model) / f"{_image_id(image)}.npy"
    if not path.is_file():
        _make_folder(model)
        images.open_image(image)
        tasks.run("embed", [str(_model_folder(model)), str(image), str(path)])
    made: npt.NDArray[np.float32] = np.load(path, allow_pickle=False)
    return made


def keep_upload(data: bytes) -> Path:
    """Store an uploaded photo for a day, under the hash of its bytes, for the functions above.
    Raises BadImage."""
    images.open_image(data)
    path = settings.uploads_dir() / f"photo-{hashlib.sha256(data).hexdigest()}"
    if path.is_file():
        path.touch()
    else:
        files.write_bytes(path, data)
    return path


def forget_uploads() -> None:
    """Delete the photos that `keep_upload` stored more than a day ago."""
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
    """Create the folder of the maps, unless the model was deleted meanwhile."""
    with files.there(model.folder.path, "model"):
        files.folder_below(model.folder.output, "explained")


def _model_folder(model: Model) -> Path:
    folder = model.folder.model
    if not (folder / DESCRIPTION).is_file() or not (folder / WEIGHTS).is_file():
        raise NotFound(
            f"The files of model {model.name} were deleted from this machine, so it can't explain "
            "a photo. Train it again."
        )
    return folder
