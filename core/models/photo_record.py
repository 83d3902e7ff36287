"""One photo of a dataset: its manifest row, copies, issues, history, and predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.datasets import store
from core.datasets.editing import edits, history
from core.datasets.inspection import store as inspection
from core.datasets.store import Version
from core.errors import NotFound
from core.evaluation.predictions import Predictions
from core.io import images, names
from core.models import similar
from core.models.similar import Similar


@dataclass(frozen=True, eq=False)
class Record:
    """A photo in a version.

    `row` is its manifest row, `copies` the other paths with identical bytes, `issues` the findings
    of the nearest inspection (kind, evidence, suggestion), `story` its history over the versions
    (see history.story).
    """

    version: Version
    row: dict[str, Any]
    copies: tuple[str, ...]
    issues: pd.DataFrame
    story: pd.DataFrame

    @property
    def path(self) -> str:
        return str(self.row["path"])

    @property
    def image_id(self) -> str:
        return str(self.row["image_id"])

    @property
    def is_left_out(self) -> bool:
        return str(self.row["problem"]).startswith(edits.LEFT_OUT)


@dataclass(frozen=True)
class Answer:
    """A model's prediction for a photo: the predicted class and its probability, the probability
    of the label (NaN if the model does not have that class) and its rank, and the split that the
    photo was in for the model."""

    predicted: str
    probability: float
    label: str
    own: float
    rank: int
    split: str

    @property
    def is_right(self) -> bool:
        return bool(self.label) and self.predicted == self.label


def find(version: Version, photo: str) -> Record:
    """Return the photo with this path, or with this image_id (the first by path if several have
    identical bytes).

    Raises NotFound if the version has no such photo.
    """
    known = rows(version, photo)
    if known.empty:
        raise NotFound(
            f"{names.printable(photo)} is not in {version.id} of this dataset. Another version may "
            "have it."
        )
    row = {str(name): value for name, value in known.iloc[0].to_dict().items()}
    path, image_id = str(row["path"]), str(row["image_id"])
    return Record(
        version,
        row,
        _copies(version, image_id, path),
        _issues(version, path),
        history.story(version.dataset_id, path),
    )


def has_features(record: Record) -> bool:
    """Whether the photo can be compared: an inspection of the version cached its features."""
    nearest = inspection.nearest(record.version)
    return bool(nearest is not None and nearest.caches and record.image_id)


def neighbours(record: Record, count: int = similar.COUNT) -> Similar | None:
    """Return the most similar photos of the version, by the features of the nearest inspection;
    None without features."""
    found = inspection.nearest(record.version)
    if found is None or not record.image_id:
        return None
    photos = store.manifest_of(
        record.version,
        columns=["image_id", "path", "label", "split"],
        filters=[("problem", "==", "")],
    )
    return similar.nearest(found.caches, record.image_id, photos, count)


def answer(predictions: Predictions, image_id: str) -> Answer | None:
    """Return the stored prediction for the photo; of several with identical bytes, for one outside
    the train split."""
    rows = np.flatnonzero(predictions.image_id == image_id)
    if not len(rows):
        return None
    row = int(min(rows, key=lambda place: predictions.split[place] == "train"))
    return Answer(
        str(predictions.names(predictions.predicted[row])),
        float(predictions.confidence[row]),
        str(predictions.names(predictions.label[row])),
        float(predictions.true_probability[row]),
        int(predictions.rank[row]),
        str(predictions.split[row]),
    )


def rows(version: Version, photo: str) -> pd.DataFrame:
    """Return the manifest rows of the photo with this path or this image_id; empty when the version
    has none."""
    found = store.manifest_of(version, filters=[("path", "==", photo)])
    if found.empty and images.IMAGE_ID.fullmatch(photo):
        return store.manifest_of(version, filters=[("image_id", "==", photo)]).sort_values("path")
    return found


def _copies(version: Version, image_id: str, path: str) -> tuple[str, ...]:
    same = store.manifest_of(version, columns=["path"], filters=[("image_id", "==", image_id)])[
        "path"
    ]
    return tuple(str(other) for other in same if image_id and other != path)


def _issues(version: Version, path: str) -> pd.DataFrame:
    """Return the findings of the nearest inspection about the photo that still apply."""
    columns = ["kind", "evidence", "suggestion"]
    found = inspection.nearest(version)
    if found is None:
        return pd.DataFrame(columns=columns)
    issues = found.issues()
    mine = issues[issues["path"] == path]
    now = store.manifest_of(
        version, columns=["path", "label", "split", "problem"], filters=[("path", "==", path)]
    )
    still = now[now["problem"] == ""].merge(
        mine[["path", "label", "split"]].drop_duplicates(), on=["path", "label", "split"]
    )
    return mine[columns].reset_index(drop=True) if len(still) else pd.DataFrame(columns=columns)
