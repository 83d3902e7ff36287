"""Where the photos of a version come from and how they were split, in words."""

from __future__ import annotations

from collections.abc import Mapping

from core import settings
from core.datasets import remote
from core.datasets.store import Dataset, Version
from ui.text import count, plain

KINDS = {
    "grouped": "Random split, stratified by class; copies stay together",
    "by group": "Random split, stratified by class; groups stay together",
    "by time": "Split by time: the newest photos are the test",
}
RANDOM = "Random split, stratified by class"


def source(dataset: Dataset, version: Version) -> str:
    """Return where the photos are and how the version splits them, as Markdown."""
    folder = remote.begins(dataset.root) or str(dataset.root)
    kind = f"Photos in {plain(folder)}"
    if dataset.drawn:
        kind = "Drawings made by Fieldmark"
    return f"{kind}. {how_split(version.split)}"


def how_split(split: Mapping[str, object]) -> str:
    """Return how a split was made, in a sentence or two."""
    kind = str(split.get("kind"))
    if kind == "none":
        return "Photos without labels, in no split yet."
    sentences = [f"{_method(kind, split)} (seed {split.get('seed', settings.DEFAULT_SEED)})."]
    if kind == "by time":
        sentences = [f"{KINDS[kind]}."]
    if by := split.get("by"):
        sentences.append(f"Groups: {plain(str(by))}.")
    if split.get("exported"):
        sentences = ["Split as in the imported export."]
    for name, since in (("moved", "moved by hand since."), ("added", "added since.")):
        if number := int(str(split.get(name, 0))):
            sentences.append(f"{count(number, 'photo')} {since}")
    return " ".join(sentences)


def _method(kind: str, split: Mapping[str, object]) -> str:
    if kind == "k-fold":
        return f"Fold {split.get('fold')} of {split.get('folds')} for cross-validation"
    if kind == "official":
        share = float(str(split.get("validation_share", 0)))
        return (
            "Official split. A split that it does not define holds "
            f"{100 * share:.0f} % of each class's training photos"
        )
    return KINDS.get(kind, RANDOM)
