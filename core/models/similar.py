"""Where cached features live, how they are read, and how the cache is kept within its bounds.

A training job keeps the features of every photo under `<home>/features/<key>/`: files that hold
`image_ids` (sha256, 'S64') and `features` [n, dimensions], whole or not at all, of one backbone,
size, view and arithmetic (see sm_scripts/fieldmark_ml/training/cache.py).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core import settings
from core.datasets import store
from core.errors import NotFound
from core.io import files
from core.models.store import Model
from sm_scripts.fieldmark_ml.photos import boxes

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.bytes_]

COUNT = 8
# Rows turned into 32-bit numbers at a time.
_CHUNK = 4096
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
# A folder touched more recently may be in use by a job that reads it, which leaves no other trace.
IN_USE_SECONDS = 3600
_TRIMMED = ".trimmed-"


@dataclass(frozen=True, eq=False)
class Similar:
    """`photos`: image_id, path, label, similarity (-1 to 1), the most similar first.

    They were looked for among `n` photos.
    """

    photos: pd.DataFrame
    n: int


def of_photo(model: Model, image_id: str) -> Floats | None:
    """What the model's backbones make of a photo (the plain view) [all dimensions], from the cache;
    None where it is not there.

    Raises NotFound where not even the photos that the model learned from are cached any more.
    """
    wanted = np.array([image_id.encode()], dtype="S64")
    parts = [
        next((vectors[0] for _, vectors in _matches(folder, wanted)), None)
        for folder in _folders(model)
    ]
    found = [part.astype(np.float32) for part in parts if part is not None]
    return np.concatenate(found) if len(found) == len(parts) else None


def similar_to_features(
    model: Model, features: Floats, count: int = COUNT, leave_out: str = ""
) -> Similar:
    """The training photos most similar to a photo with these features [all dimensions]; `leave_out`
    is a path, of the photo itself.

    Similarity is the cosine between what a backbone makes of two photos, averaged over the model's
    backbones: exact, over every training photo. Raises NotFound where their features are not cached
    any more.
    """
    ends = np.cumsum([int(backbone["dimensions"]) for backbone in model.description["backbones"]])
    folders, parts = _folders(model), np.split(features, ends[:-1])
    photos = _training_photos(model, leave_out)
    ids: Ids = photos["key"].to_numpy().astype("S64")
    order = np.argsort(ids, kind="stable")
    unique, rows = np.unique(ids[order], return_inverse=True)
    similarity = np.full(len(photos), np.nan, np.float32)
    similarity[order] = _similarity(folders, parts, unique)[rows]
    best = _best(photos, similarity, count)
    if best is None:
        raise _not_cached(model)
    return best


def nearest(
    folders: Sequence[str], image_id: str, photos: pd.DataFrame, count: int = COUNT
) -> Similar | None:
    """Those of `photos` (image_id, path, ...) that look most like the photo `image_id`, by the
    features in these folders of the cache: exact, each content once. None where its own features,
    or those of all the others, are not there."""
    paths = [settings.features_dir() / name for name in folders]
    wanted = np.array([image_id.encode()], dtype="S64")
    found = [next((vectors[0] for _, vectors in _matches(path, wanted)), None) for path in paths]
    parts = [part.astype(np.float32) for part in found if part is not None]
    if not paths or len(parts) != len(paths):
        return None
    others = (
        photos[photos["image_id"] != image_id].drop_duplicates("image_id").sort_values("image_id")
    )
    return _best(
        others, _similarity(paths, parts, others["image_id"].to_numpy().astype("S64")), count
    )


def _similarity(folders: Sequence[Path], parts: Sequence[Floats], ids: Ids) -> Floats:
    """The cosine [n] between each of `ids` (sorted, each once) and the query, averaged over the
    folders; `parts` is the query's vector in each. NaN where a folder does not have the photo."""
    total, backbones = np.zeros(len(ids), np.float32), np.zeros(len(ids), np.int8)
    for folder, part in zip(folders, parts, strict=True):
        done = np.zeros(len(ids), dtype=bool)
        for places, vectors in _matches(folder, ids):
            total[places[~done[places]]] += _cosines(vectors[~done[places]], part)
            done[places] = True
        backbones += done
    return np.where(backbones == len(folders), total / len(folders), np.float32(np.nan))


def _best(photos: pd.DataFrame, similarity: Floats, count: int) -> Similar | None:
    """The `count` most similar of `photos`, ties by path; None where no similarity is known."""
    found = np.flatnonzero(np.isfinite(similarity))
    if not len(found):
        return None
    best = found[np.lexsort((photos["path"].to_numpy()[found], -similarity[found]))][:count]
    return Similar(
        photos.iloc[best].assign(similarity=similarity[best]).reset_index(drop=True), len(found)
    )


def _training_photos(model: Model, leave_out: str) -> pd.DataFrame:
    """image_id, path, label, and `key`: the name of what the model saw of the photo."""
    version = store.version(model.dataset_id, model.version_id)
    columns = ["image_id", "path", "label"]
    photos = store.manifest_of(
        version,
        [*columns, *(boxes.COLUMNS if model.is_cropped else ())],
        [("split", "==", "train")],
    )
    photos["key"] = photos["image_id"]
    if model.is_cropped:
        inside = map(boxes.edges, zip(*(photos.pop(name) for name in boxes.COLUMNS), strict=True))
        photos["key"] = list(map(boxes.key, photos["image_id"], inside))
    return photos[photos["path"] != leave_out] if leave_out else photos


def _cosines(vectors: npt.NDArray[Any], query: Floats) -> Floats:
    direction = query.astype(np.float32) / max(float(np.linalg.norm(query)), 1e-12)
    made = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), _CHUNK):
        part = vectors[start : start + _CHUNK].astype(np.float32)
        made[start : start + _CHUNK] = (
            part @ direction / np.maximum(np.linalg.norm(part, axis=1), 1e-12)
        )
    return made


def _folders(model: Model) -> list[Path]:
    """One folder of cached features per backbone of the model. NotFound where one is missing."""
    if model.description.get("mode") == "finetune":
        # Nobody else's photos go through its backbone, so they lie with the model, and are not
        # trimmed.
        own = model.folder.output / "features"
        if not own.is_dir():
            raise NotFound(
                f"The features of the photos that {model.name} learned from were not kept when it "
                "was fine-tuned."
            )
        return [own]
    return [_folder(model, backbone) for backbone in model.description["backbones"]]


def _folder(model: Model, backbone: dict[str, Any]) -> Path:
    exact = [
        path for path in settings.features_dir().iterdir() if path.name == backbone.get("features")
    ]
    if exact:
        os.utime(exact[0])
        return exact[0]
    name = re.escape(f"{str(backbone['arch']).replace('/', '_')}-{backbone['image_size']}-plain-")
    pattern = re.compile(rf"{name}\w+-[0-9a-f]{{12}}")
    found = [path for path in settings.features_dir().iterdir() if pattern.fullmatch(path.name)]
    if not found:
        raise _not_cached(model)
    # Of an older model, which doesn't name it, or trimmed. Several differ in their arithmetic or in
    # a file of weights; the one used last is this model's or as good.
    newest = max(found, key=lambda path: path.stat().st_mtime)
    os.utime(newest)
    return newest


def _not_cached(model: Model) -> NotFound:
    return NotFound(
        f"The features of the photos that {model.name} learned from are not in the cache any "
        "more; it keeps what was used last. "
        "Train the model again to have them made."
    )


