"""Plans on the disk: in the folder of the job that looked, with the listing that another plan can
be made from, and the decisions as a person has changed them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.datasets.importing.found import LeftOut
from core.datasets.planning import plan as plans
from core.datasets.planning.decisions import Decisions
from core.datasets.planning.listing import Listing
from core.datasets.planning.plan import Plan
from core.errors import NotFound
from core.io import files

PLAN, LISTING, DECISIONS = "plan.json", "listing.json", "decisions.json"
IMPORTED, BROUGHT = "imported.json", "brought.json"
LISTS = ("photos", "others", "folders")


def save(folder: Path, listing: Listing, plan: Plan) -> None:
    """Keeps a plan and its listing in `folder`."""
    kept = {name: list(getattr(listing, name)) for name in LISTS}
    left = {"counts": dict(listing.left_out), "examples": listing.left_out.examples}
    files.write_json(
        folder / LISTING,
        {"root": str(listing.root), **kept, "left_out": left, "note": listing.note},
    )
    files.write_json(folder / PLAN, plan.as_dict())


def save_left_out(folder: Path, left_out: LeftOut) -> None:
    """Keeps what was left out on the way here, which another walk would not see."""
    counted = {"counts": dict(left_out), "examples": left_out.examples}
    files.write_json(folder / BROUGHT, counted)


def left_out(folder: Path) -> LeftOut:
    """What was left out on the way here. Raises NotFound where it can't be read."""
    return _counted(_read(folder / BROUGHT))


def first(folder: Path) -> Plan:
    """The plan as it was first made. Raises NotFound where it can't be read."""
    return plans.of(_read(folder / PLAN))


def listing(folder: Path) -> Listing:
    """What lay there. Raises NotFound where it can't be read."""
    stored = _read(folder / LISTING)
    left = _counted(stored["left_out"])
    photos, others, folders = (tuple(map(str, stored[name])) for name in LISTS)
    note = str(stored["note"])
    return Listing(Path(stored["root"]), photos, others, folders, left, note)


def decide(folder: Path, decisions: Decisions) -> None:
    """Keeps what a person decided otherwise."""
    files.write_json(folder / DECISIONS, decisions.as_dict())


def decisions(folder: Path) -> Decisions:
    """The decisions as a person has changed them, or those of the plan."""
    if (folder / DECISIONS).is_file():
        return Decisions.of(_read(folder / DECISIONS))
    return first(folder).decisions


def mark_imported(folder: Path, dataset_id: str) -> None:
    """Notes that the plan was carried out, and what came of it."""
    files.write_json(folder / IMPORTED, {"dataset_id": dataset_id})


def is_imported(folder: Path) -> bool:
    """Whether the plan was carried out."""
    return (folder / IMPORTED).is_file()


def _counted(stored: Mapping[str, Any]) -> LeftOut:
    found = LeftOut()
    found.update(stored["counts"])
    found.examples = dict(stored["examples"])
    return found


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = files.read_json(path)
    except (OSError, ValueError) as error:
        raise NotFound(f"The plan can't be read ({error}). Look into the folder again.") from error
    return found
