"""A draft: edits of a version, collected until they become the next version.

It is a file, so closing the page or the app does not lose it.

<HOME>/datasets/<dataset_id>/drafts/<version_id>.json   [{"action", "values", "why", "when"}, ...]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from core import settings
from core.datasets import store
from core.datasets.editing import edits
from core.datasets.editing.edits import Step
from core.datasets.store import Version
from core.errors import NotFound, UserError
from core.io import files


def steps(version: Version) -> list[Step]:
    """Return the steps of the draft, in order. Raises NotFound when the draft can't be read."""
    try:
        return [Step(**step) for step in files.read_json(_path(version))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, UserError) as error:
        raise NotFound(
            f"The draft of {version.id} can't be read ({error}). Discard it to start again."
        ) from error


def marks(made: Sequence[Step]) -> dict[str, str]:
    """Return what the draft changes about each photo, by path: `now Fish Crow, to test`."""
    found: dict[str, dict[str, str]] = {}
    for step in made:
        for path, value in step.values.items():
            place = found.setdefault(path, {})
            if step.action == edits.RELABEL:
                place["label"] = f"now {value}"
            else:
                place["split"] = "left out" if step.action == edits.LEAVE_OUT else f"to {value}"
    return {path: ", ".join(words.values()) for path, words in found.items()}


def add(version: Version, step: Step) -> list[Step]:
    """Add a step and return the draft.

    Raises UserError when the step can't follow those of the draft.
    """
    with _locked(version):
        made = [*steps(version), step]
        edits.applied(store.manifest_of(version), made)
        _write(version, made)
    return made


def undo(version: Version) -> list[Step]:
    """Remove the last step and return the draft; an empty draft stays empty."""
    with _locked(version):
        made = steps(version)[:-1]
        _write(version, made)
    return made


def discard(version: Version) -> None:
    """Delete the draft."""
    with _locked(version):
        _path(version).unlink(missing_ok=True)


def finish(version: Version, note: str = "") -> Version:
    """Create the dataset's next version from the draft, and delete the draft.

    Raises UserError as edits.make does; the draft is then kept.
    """
    with _locked(version):
        made = edits.make(version, steps(version), note)
        _path(version).unlink(missing_ok=True)
    return made


def _write(version: Version, made: list[Step]) -> None:
    if made:
        files.write_json(_path(version), [asdict(step) for step in made])
    else:
        _path(version).unlink(missing_ok=True)


def _path(version: Version) -> Path:
    return settings.datasets_dir() / version.dataset_id / "drafts" / f"{version.id}.json"


@contextmanager
def _locked(version: Version) -> Iterator[None]:
    """Let one writer in at a time; sessions that edit the same version share one draft."""
    dataset = settings.datasets_dir() / version.dataset_id
    with files.there(dataset, "dataset"):
        folder = files.folder_below(dataset, "drafts")
        with files.locked(folder, "draft"):
            yield
