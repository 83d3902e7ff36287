"""Store plans in the folder of their preview job, with the listing they are made from and the
decisions that a person has changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.datasets.importing.entries import IgnoredFiles
from core.datasets.planning import plan as plans
from core.datasets.planning.decisions import Decisions
from core.datasets.planning.listing import Listing
from core.datasets.planning.plan import Plan
from core.errors import NotFound
from core.io import files

PLAN, LISTING, DECISIONS = "plan.json", "listing.json", "decisions.json"
IMPORTED, BROUGHT = "imported.json", "brought.json"
LISTS = ("photos", "others", "folders")


def save_plan(folder: Path, listing: Listing, plan: Plan) -> None:
    """Save a plan and its listing in `folder`."""
    paths = {name: list(getattr(listing, name)) for name in LISTS}
    ignored = {"counts": dict(listing.left_out), "examples": listing.left_out.examples}
    files.write_json(
        folder / LISTING,
        {"root": str(listing.root), **paths, "left_out": ignored, "note": listing.note},
    )
    files.write_json(folder / PLAN, plan.as_dict())


def save_left_out(folder: Path, left_out: IgnoredFiles) -> None:
    """Save the counts of files ignored while fetching; another listing would not find them."""
    counted = {"counts": dict(left_out), "examples": left_out.examples}
    files.write_json(folder / BROUGHT, counted)


def load_left_out(folder: Path) -> IgnoredFiles:
    """Return the files ignored while fetching. Raises NotFound if unreadable."""
    return _load_counts(_read(folder / BROUGHT))


def load_plan(folder: Path) -> Plan:
    """Return the plan as first made. Raises NotFound if unreadable."""
    return plans.from_dict(_read(folder / PLAN))


def load_listing(folder: Path) -> Listing:
    """Return the listing. Raises NotFound if unreadable."""
    stored = _read(folder / LISTING)
    ignored = _load_counts(stored["left_out"])
    photos, others, folders = (tuple(map(str, stored[name])) for name in LISTS)
    note = str(stored["note"])
    return Listing(Path(stored["root"]), photos, others, folders, ignored, note)


def save_decisions(folder: Path, decisions: Decisions) -> None:
    """Save the decisions that a person has changed."""
    files.write_json(folder / DECISIONS, decisions.as_dict())


def load_decisions(folder: Path) -> Decisions:
    """Return the decisions that a person has changed, or those of the plan."""
    if (folder / DECISIONS).is_file():
        return Decisions.of(_read(folder / DECISIONS))
    return load_plan(folder).decisions


def mark_imported(folder: Path, dataset_id: str) -> None:
    """Record that the plan was imported as this dataset."""
    files.write_json(folder / IMPORTED, {"dataset_id": dataset_id})


def is_imported(folder: Path) -> bool:
    """Return whether the plan was imported."""
    return (folder / IMPORTED).is_file()


def _load_counts(stored: Mapping[str, Any]) -> IgnoredFiles:
    ignored = IgnoredFiles()
    ignored.update(stored["counts"])
    ignored.examples = dict(stored["examples"])
    return ignored


def _read(path: Path) -> Mapping[str, Any]:
    try:
        document: Mapping[str, Any] = files.read_json(path)
    except (OSError, ValueError) as error:
        raise NotFound(f"The preview can't be read ({error}). Preview the import again.") from error
    return document
