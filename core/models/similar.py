"""The photos most similar to a photo, by the features of a model's backbones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core import settings
from core.datasets import store
from core.errors import NotFound
from core.models.store import Model
from core.training import feature_cache
from core.training.feature_cache import Floats, Ids, Vectors
from sm_scripts.fieldmark_ml.photos import boxes

COUNT = 8
# Rows turned into 32-bit numbers at a time.
_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Similar:
    """`photos`: image_id, path, label, similarity (-1 to 1), most similar first.

    `n` is the number of photos searched.
    """

    photos: pd.DataFrame
    n: int


def of_photo(model: Model, image_id: str) -> Floats | None:
    """Return a photo's cached features (the plain view) of all backbones [dimensions]; None if they
    are not cached.

    Raises NotFound if not even the training photos' features are cached any more.
    """
    parts = _parts(feature_folders(model), image_id)
    if parts is None:
        return None
    return np.concatenate(parts)


def similar_to_features(
    model: Model, features: Floats, count: int = COUNT, leave_out: str = ""
) -> Similar:
    """Return the training photos most similar to a photo with these features [all dimensions];
    `leave_out` is the path of the photo itself.

    Similarity is the cosine of two photos' features, averaged over the model's backbones. The
    search is exact. Raises NotFound if the training photos' features are not cached any more.
    """
    ends = np.cumsum([int(backbone["dimensions"]) for backbone in model.description["backbones"]])
    folders, parts = feature_folders(model), np.split(features, ends[:-1])
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
    """Return the most similar of `photos` (image_id, path, ...) to the photo `image_id`, by the
    features in these folders of the cache. The search is exact; identical photos count once. None
    if its own features, or those of all others, are missing."""
    paths = [settings.features_dir() / name for name in folders]
    parts = _parts(paths, image_id)
    if not parts:
        return None
    others = photos[photos["image_id"] != image_id]
    others = others.drop_duplicates("image_id").sort_values("image_id")
    ids = others["image_id"].to_numpy().astype("S64")
    return _best(others, _similarity(paths, parts, ids), count)


def _parts(folders: Sequence[Path], image_id: str) -> list[Floats] | None:
    """Return the photo's features in each folder; None if one folder does not have the photo."""
    parts = []
    for folder in folders:
        part = feature_cache.vector(folder, image_id)
        if part is None:
            return None
        parts.append(part)
    return parts


def _similarity(folders: Sequence[Path], parts: Sequence[Floats], ids: Ids) -> Floats:
    """Return the cosine [n] between each of `ids` (sorted, unique) and the query, averaged over the
    folders; `parts` is the query's vector in each. NaN if a folder does not have the photo."""
    total, backbones = np.zeros(len(ids), np.float32), np.zeros(len(ids), np.int8)
    for folder, part in zip(folders, parts, strict=True):
        done = np.zeros(len(ids), dtype=bool)
        for places, vectors in feature_cache.matches(folder, ids):
            total[places[~done[places]]] += _cosines(vectors[~done[places]], part)
            done[places] = True
        backbones += done
    return np.where(backbones == len(folders), total / len(folders), np.float32(np.nan))


def _best(photos: pd.DataFrame, similarity: Floats, count: int) -> Similar | None:
    """Return the `count` most similar of `photos`, ties by path; None if no similarity is known."""
    found = np.flatnonzero(np.isfinite(similarity))
    if not len(found):
        return None
    best = found[np.lexsort((photos["path"].to_numpy()[found], -similarity[found]))][:count]
    return Similar(
        photos.iloc[best].assign(similarity=similarity[best]).reset_index(drop=True), len(found)
    )


def _training_photos(model: Model, leave_out: str) -> pd.DataFrame:
    """Return image_id, path, label, and `key`: the cache key of the photo or of its crop."""
    version = store.version(model.dataset_id, model.version_id)
    columns = ["image_id", "path", "label"]
    if model.is_cropped:
        columns += boxes.COLUMNS
    photos = store.manifest_of(version, columns, [("split", "==", "train")])
    photos["key"] = photos["image_id"]
    if model.is_cropped:
        inside = map(boxes.edges, zip(*(photos.pop(name) for name in boxes.COLUMNS), strict=True))
        photos["key"] = list(map(boxes.key, photos["image_id"], inside))
    return photos[photos["path"] != leave_out]


def _cosines(vectors: Vectors, query: Floats) -> Floats:
    direction = query.astype(np.float32) / max(float(np.linalg.norm(query)), 1e-12)
    made = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), _CHUNK):
        part = vectors[start : start + _CHUNK].astype(np.float32)
        made[start : start + _CHUNK] = (
            part @ direction / np.maximum(np.linalg.norm(part, axis=1), 1e-12)
        )
    return made


def feature_folders(model: Model) -> list[Path]:
    """Return the feature cache of each backbone of the model. Raises NotFound if one is missing."""
    if model.description.get("mode") == "finetune":
        # No other model shares a fine-tuned backbone, so its features are stored with the model and
        # are not evicted.
        own = model.folder.output / "features"
        if not own.is_dir():
            raise NotFound(
                f"The features of the training photos of {model.name} were not kept when it was "
                "fine-tuned."
            )
        return [own]
    found = [feature_cache.folder_for(backbone) for backbone in model.description["backbones"]]
    folders = [folder for folder in found if folder is not None]
    if len(folders) < len(found):
        raise _not_cached(model)
    return folders


def _not_cached(model: Model) -> NotFound:
    return NotFound(
        f"The features of the training photos of {model.name} were evicted from the cache. Train "
        "the model again to compute them."
    )
