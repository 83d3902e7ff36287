"""The words that say to which part of a split a photo belongs, and the flags that do."""

from __future__ import annotations

import re

from core.datasets.planning.folders import part_named, split_word

NO_SPLIT = ("", "unused", "none", "nan", "null", "all", "unassigned")
YES, NO = ("1", "true", "yes", "y", "t", "1.0"), ("0", "false", "no", "n", "f", "0.0")
# What a flag says of a photo, by the part that its column's name tells of: if set, and if not.
FLAGS = {
    "valid": ("validation", "train"),
    "val": ("validation", "train"),
    "validation": ("validation", "train"),
    "test": ("test", "train"),
    "train": ("train", "test"),
    "training": ("train", "test"),
}


def part(column: str, text: str) -> str | None:
    """The part that a cell names, in a column of this name as `columns.normal` writes it; the empty
    string where it names none, and None for another word."""
    word = text.strip().casefold()
    if word in NO_SPLIT:
        return ""
    flag = _flag(column)
    if flag and word in YES:
        return FLAGS[flag][0]
    if flag and word in NO:
        return FLAGS[flag][1]
    return part_named(word) or split_word(text) or None


def _flag(column: str) -> str:
    name = re.sub(r"_(img|image|set)$", "", column)
    return next((word for word in FLAGS if name in (f"is_{word}", word)), "")
