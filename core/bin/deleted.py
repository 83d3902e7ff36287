"""Deleted datasets and jobs, which can be restored for some days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.bin import entries as bin_folder
from core.bin.entries import Entry
from core.datasets import store
from core.errors import NotFound
from core.io import files
from core.io.names import numbered

DATASETS = "datasets"


@dataclass(frozen=True)
class Deleted:
    """What was deleted at once: a dataset, a job, or a tuning job with its trials."""

    group: str
    kind: str
    name: str
    deleted: float
    expires: float
    entries: tuple[Entry, ...]

    @property
    def bytes(self) -> int:
        return sum(bin_folder.size(entry) for entry in self.entries)


def listing() -> list[Deleted]:
    """Return what can be restored, the last deleted first."""
    groups: dict[str, list[Entry]] = {}
    for entry in bin_folder.entries():
        groups.setdefault(entry.group, []).append(entry)
    return [_described(entries) for entries in groups.values()]


def restore(group: str) -> None:
    """Bring back what was deleted at once.

    A dataset whose name another one has by now gets a number. Raises NotFound if nothing of the
    group is in the bin any more, UserError if something else has its id.
    """
    entries = bin_folder.entries(group)
    if not entries:
        raise NotFound("It can't be restored: it is not in the bin any more.")
    for entry in entries:
        if entry.parent == DATASETS:
            _free_name(entry)
        bin_folder.restore(entry)


def remove(group: str) -> None:
    """Delete the group for good."""
    for entry in bin_folder.entries(group):
        bin_folder.remove(entry)


def _described(entries: list[Entry]) -> Deleted:
    main = _main(entries)
    kind, name = _kind_and_name(main)
    return Deleted(main.group, kind, name, main.deleted, main.expires, tuple(entries))


def _main(entries: Iterable[Entry]) -> Entry:
    """The entry that the others belong to: a tuning job among its trials."""
    ordered = sorted(entries, key=lambda entry: _kind_and_name(entry)[0] != "tuning")
    return ordered[0]


def _kind_and_name(entry: Entry) -> tuple[str, str]:
    """The kind of the thing and what it is called; its id if its files can't be read."""
    try:
        if entry.parent == DATASETS:
            return "dataset", str(files.read_json(entry.path / "dataset.json")["name"])
        facts = files.read_json(entry.path / "job.json")
        name = facts["name"]
        label = entry.path / "label.json"
        if label.is_file():
            name = files.read_json(label).get("name") or name
        return str(facts["kind"]), str(name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return entry.parent.removesuffix("s"), entry.id


def _free_name(entry: Entry) -> None:
    """Give a dataset that comes back a name that no other dataset has."""
    path = entry.path / "dataset.json"
    try:
        facts = files.read_json(path)
        name = numbered(str(facts["name"]), store.names_taken(but=entry.id))
        if name != facts["name"]:
            files.write_json(path, facts | {"name": name})
    except (OSError, ValueError, KeyError, TypeError):
        return  # a damaged dataset comes back as it was
