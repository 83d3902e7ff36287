"""Words and flags that assign a photo to a part of a split."""

from __future__ import annotations

import re

from core.datasets.planning.folders import find_split_word, parse_part

NO_SPLIT = ("", "unused", "none", "nan", "null", "all", "unassigned")
YES, NO = ("1", "true", "yes", "y", "t", "1.0"), ("0", "false", "no", "n", "f", "0.0")
# The part that a flag means, by its column's name: if set, and if not set.
FLAGS = {
    "valid": ("validation", "train"),
    "val": ("validation", "train"),
    "validation": ("validation", "train"),
    "test": ("test", "train"),
    "train": ("train", "test"),
    "training": ("train", "test"),
}


def parse_cell(column: str, text: str) -> str | None:
    """Return the part that a cell names, '' for none, and None for another word. `column` is the
    column's name as written by `columns.normalise_name`."""
    word = text.strip().casefold()
    if word in NO_SPLIT:
        return ""
    flag = _flag(column)
    if flag and word in YES:
        return FLAGS[flag][0]
    if flag and word in NO:
        return FLAGS[flag][1]
    return parse_part(word) or find_split_word(text) or None


def _flag(column: str) -> str:
    name = re.sub(r"_(img|image|set)$", "", column)
    return next((word for word in FLAGS if name in (f"is_{word}", word)), "")
