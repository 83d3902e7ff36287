"""Datasets from Python: import photos, look at them, inspect and export them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core import settings
from core.backends import LOCAL
from core.datasets import store
from core.datasets.importing import origins
from core.datasets.inspection import store as inspections
from core.datasets.planning import plan as plans
from core.datasets.planning import questions
from core.errors import NotFound, UserError
from core.jobs.specs import ExportSpec, ImportSpec, InspectSpec
from core.jobs.status.progress import ImportingProgress
from fieldmark.api import work
from fieldmark.api.work import Tell, silent

SAMPLE = "Sketchbook"


@dataclass(frozen=True)
class Dataset:
    """One version of a dataset. Versions never change; a change makes the next one."""

    id: str
    name: str
    version: str

    @property
    def photos(self) -> pd.DataFrame:
        """The manifest, a row per photo: image_id, path, label, split, width, height, ..."""
        return store.manifest_of(self._stored)

    @property
    def files(self) -> pd.Series[str]:
        """The full path of every photo, in the order of `photos`."""
        root = store.dataset(self.id).root
        return self.photos["path"].map(lambda path: str(root / path))

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels with training photos, in order."""
        return self._stored.classes

    @property
    def counts(self) -> pd.DataFrame:
        """The number of photos by class (rows) and split (columns)."""
        return pd.DataFrame.from_dict(dict(self._stored.counts), orient="index")

    def __len__(self) -> int:
        return self._stored.images

    def inspect(self, tell: Tell = silent) -> pd.DataFrame:
        """Look for likely wrong labels, copies, outliers and bad photos, and wait for it.

        Return one row per finding: kind, rank, path, label, suggestion, other, score, ...
        Raises JobFailed.
        """
        name = f"Inspect {self.name}"[: settings.MAX_NAME_LENGTH]
        work.wait(LOCAL.inspect(InspectSpec(name, self.id, self.version)), tell)
        found = inspections.of(self._stored)
        if found is None:
            raise NotFound(f"The inspection of {self.name} is gone. Inspect it again.")
        return found.issues()

    def export(self, folder: str | Path, tell: Tell = silent) -> Path:
        """Copy the used photos into the new folder `folder`, as <split>/<class>/<photo>. Return it.

        Raises UserError if it exists, JobFailed.
        """
        target = Path(folder).expanduser().absolute()
        allow(target.parent)
        name = f"Export {self.name}"[: settings.MAX_NAME_LENGTH]
        work.wait(LOCAL.export(ExportSpec(name, self.id, self.version, str(target))), tell)
        return target

    @property
    def _stored(self) -> store.Version:
        return store.version(self.id, self.version)


def datasets() -> list[Dataset]:
    """Return the newest version of every dataset, newest dataset first."""
    known = [item for item in store.datasets() if isinstance(item, store.Dataset)]
    return [Dataset(item.id, item.name, store.latest(item.id).id) for item in known]


def dataset(wanted: str, version: str = "") -> Dataset:
    """Return the dataset with this id or name, in its newest version or the one given.

    Raises NotFound, or UserError if several have the name.
    """
    found = work.one(datasets(), wanted, "dataset")
    if version:
        return Dataset(found.id, found.name, store.version(found.id, version).id)
    return found


def sample(tell: Tell = silent) -> Dataset:
    """Return the built-in sample of 600 drawings, imported on first use."""
    known = [item for item in datasets() if item.name == SAMPLE]
    if known:
        return known[0]
    return _imported(ImportSpec(SAMPLE, "sample"), tell)


def import_folder(
    path: str | Path,
    name: str = "",
    answers: Mapping[str, str] | None = None,
    tell: Tell = silent,
) -> Dataset:
    """Import a folder of photos, which stay where they are, and wait for it.

    `answers` are those to the questions of `plan(path)`, by id. Raises UserError for a folder that
    cannot be imported or a wrong answer, JobFailed.
    """
    folder = origins.require_folder(allow(Path(path).expanduser().absolute()))
    decisions = {}
    if answers:
        decisions = plan(folder, answers).decisions.as_dict()
    spec = ImportSpec(name or folder.name, "folder", path=str(folder), decisions=decisions)
    return _imported(spec, tell)


def plan(path: str | Path, answers: Mapping[str, str] | None = None) -> plans.Plan:
    """Return what an import of this folder would do, without importing it: the layout and why,
    classes, splits, what is left out, and the questions that it leaves open.

    Raises UserError for a folder that cannot be imported, or an answer to no question.
    """
    folder = origins.require_folder(allow(Path(path).expanduser().absolute()))
    listing, made = plans.make_plan(folder)
    for question, value in (answers or {}).items():
        _check_answer(made, question, value)
        made = plans.replan(listing, questions.apply_answer(made.decisions, question, value))
    return made


def _check_answer(made: plans.Plan, question: str, value: str) -> None:
    asked = {one.id: one for one in made.questions}
    if question not in asked:
        ids = ", ".join(asked) or "none"
        raise UserError(f"{question!r} is not a question of this import. Questions: {ids}.")
    values = [option for option, _ in asked[question].options]
    if value not in values:
        raise UserError(f"{value!r} is not an answer to {question}. Use {', '.join(values)}.")


def import_archive(path: str | Path, name: str = "", tell: Tell = silent) -> Dataset:
    """Import an archive (ZIP or TAR) of photos and wait for it. Raises UserError, JobFailed."""
    archive = allow(Path(path).expanduser().absolute())
    origins.create(origins.ImportSource("archive", archive))
    title = name or archive.name.partition(".")[0]
    return _imported(ImportSpec(title, "archive", path=str(archive)), tell)


def import_s3(place: str, name: str = "", tell: Tell = silent) -> Dataset:
    """Import the photos below s3://bucket/folder/, which stay there, and wait for it.

    Raises UserError for another form of address, JobFailed.
    """
    title = name or place.rstrip("/").rpartition("/")[2]
    return _imported(ImportSpec(title, "s3", path=place), tell)


def _imported(spec: ImportSpec, tell: Tell) -> Dataset:
    job = work.wait(LOCAL.import_dataset(spec), tell)
    made = ImportingProgress.from_json(job.status.progress)
    return Dataset(made.dataset_id, store.dataset(made.dataset_id).name, made.version_id)


def allow(path: Path) -> Path:
    """Return `path`, and allow it for imports: who runs this process may read it already. The limit
    is for the people who use the app of somebody else."""
    roots = [*map(str, settings.import_roots()), str(path.resolve())]
    os.environ[settings.ENV_IMPORT_ROOTS] = os.pathsep.join(dict.fromkeys(roots))
    return path
