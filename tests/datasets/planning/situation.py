"""A situation: files by path, and the expected plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.datasets.planning import plan as plans
from core.datasets.planning.plan import Plan

Content = str | bytes


@dataclass(frozen=True)
class Situation:
    """Files and the expected plan; expectations that are None are not checked.

    asks: questions with the answer that is chosen, by the beginning of their id. left: files left
    out, by reason. refused: words of the refusal, where there is one.
    """

    name: str
    files: Mapping[str, Content]
    classes: Mapping[str, int] | None = None
    unlabelled: int = 0
    splits: Mapping[str, int] | None = None
    boxes: int | None = None
    groups: int | None = None
    kept: Sequence[str] | None = None
    asks: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, int] | None = None
    errors: int = 0
    note: str = ""
    refused: str = ""
    layout: str = ""


def photos(*paths: str) -> dict[str, Content]:
    """Return files with names of photos; a plan does not open them."""
    return dict.fromkeys(paths, b"")


def numbered(folder: str, count: int, suffix: str = ".jpg", start: int = 0) -> dict[str, Content]:
    return photos(*(f"{folder}/{number}{suffix}" for number in range(start, start + count)))


def classes(root: str = "", **sizes: int) -> dict[str, Content]:
    """Return folders of photos below `root`, with distinct file names."""
    made: dict[str, Content] = {}
    for name, count in sizes.items():
        folder = f"{root}/{name}" if root else name
        made |= photos(*(f"{folder}/{name}_{number}.jpg" for number in range(count)))
    return made


def table(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def written(situation: Situation, folder: Path) -> Path:
    for path, content in situation.files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode()
        place.write_bytes(data)
    return folder


def planned(situation: Situation, folder: Path) -> Plan:
    return plans.make_plan(written(situation, folder))[1]
