"""A job's name, tags and note, stored beside the spec, which never changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from core.io import files
from core.io.names import clean_name
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.store import Job


@dataclass
class _Label:
    """The content of label.json."""

    name: str
    tags: list[str]
    note: str


def set_label(
    job_id: str,
    *,
    name: str | None = None,
    tags: tuple[str, ...] | None = None,
    note: str | None = None,
) -> None:
    """Set the name, tags or note of a job; None leaves a value as it is, also if it changes at the
    same moment. Raises UserError for a name that can't be used, NotFound if the job was deleted."""
    clean = None if name is None else clean_name(name, "job name")
    with _relabelled(job_id) as label:
        if clean is not None:
            label.name = clean
        if tags is not None:
            label.tags = list(tags)
        if note is not None:
            label.note = note


def set_tag(job_id: str, tag: str, wanted: bool) -> None:
    """Add one tag to a job or remove it; other tags stay. Raises as `set_label`."""
    with _relabelled(job_id) as label:
        label.tags = [kept for kept in label.tags if kept != tag] + [tag] * wanted


def change_label(shown: Job, name: str, tags: Sequence[str], note: str) -> None:
    """Apply the changes that a person made to the label `shown`; changes that others made since are
    kept. Raises as `set_label`."""
    clean = clean_name(name, "job name")
    removed, added = set(shown.tags) - set(tags), [tag for tag in tags if tag not in shown.tags]
    with _relabelled(shown.id) as label:
        if name != shown.name:
            label.name = clean
        if note != shown.note:
            label.note = note
        kept = [tag for tag in label.tags if tag not in removed and tag not in added]
        label.tags = kept + added


@contextmanager
def _relabelled(job_id: str) -> Iterator[_Label]:
    """Yield a job's label for a change, locked against other changes."""
    folder = RunFolder.of(job_id)
    with files.locked(folder.path, "job"):
        job = jobs.read(job_id)
        label = _Label(job.name, list(job.tags), job.note)
        yield label
        files.write_json(folder.label, asdict(label))
