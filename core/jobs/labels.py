"""What a person calls a job, its tags and its note: changed beside the spec, which stays as it was
written."""

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
    """As label.json holds it."""

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
    """Renames, tags or annotates a job; what is None stays as it is, whoever changes it at the same
    moment. Its spec stays as it was written. UserError for a name that can't be used, NotFound
    where the job was deleted meanwhile."""
    clean = None if name is None else clean_name(name, "job name")
    with _relabelled(job_id) as label:
        if clean is not None:
            label.name = clean
        if tags is not None:
            label.tags = list(tags)
        if note is not None:
            label.note = note


def set_tag(job_id: str, tag: str, wanted: bool) -> None:
    """Gives a job one tag or takes it away; its other tags stay. Raises as `set_label` does."""
    with _relabelled(job_id) as label:
        label.tags = [kept for kept in label.tags if kept != tag] + [tag] * wanted


def change_label(shown: Job, name: str, tags: Sequence[str], note: str) -> None:
    """Takes over what a person changed in the label that was `shown`; what somebody else changed
    since stays. Raises as `set_label`."""
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
    """A job's label, to be changed; nobody else changes it meanwhile."""
    folder = RunFolder.of(job_id)
    with files.locked(folder.path, "job"):
        job = jobs.read(job_id)
        label = _Label(job.name, list(job.tags), job.note)
        yield label
        files.write_json(folder.label, asdict(label))
