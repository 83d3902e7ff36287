"""Models from Python: evaluate them, predict with them, take them along."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core import settings
from core.backends import LOCAL
from core.batch import results, sources, table
from core.batch.table import Choice
from core.errors import NotFound, UserError
from core.evaluation import confusion, scores
from core.evaluation.predictions import Predictions
from core.evaluation.scores import Score
from core.io import files
from core.jobs import store as jobs
from core.jobs.specs import TransformSpec
from core.jobs.status.progress import BatchProgress
from core.jobs.store import Job
from core.models import store
from fieldmark.api import endpoints, work
from fieldmark.api.datasets import allow
from fieldmark.api.work import Tell, silent

TABLES = (".csv", ".parquet")
ANSWER_COLUMNS = ("path", "label", "probability", "unsure", "unfamiliar", "error")


@dataclass(frozen=True)
class Evaluation:
    """A model's scores on one split, from the predictions that its training stored."""

    split: str
    predictions: Predictions

    @property
    def accuracy(self) -> Score:
        """Correct of n; its `value` is the share, its `interval_95` the Wilson interval."""
        return scores.top1(self.predictions)

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes, 0 to 1."""
        return scores.macro_f1(self.predictions)

    @property
    def confusion(self) -> pd.DataFrame:
        """Photos by true (rows) and predicted (columns) class."""
        names = pd.Index(self.predictions.classes)
        return pd.DataFrame(
            confusion.counts(self.predictions),
            index=names.rename("true"),
            columns=names.rename("predicted"),
        )

    @property
    def classes(self) -> pd.DataFrame:
        """A row per class: n, precision, recall, F1, ..."""
        return scores.per_class(self.predictions)

    @property
    def photos(self) -> pd.DataFrame:
        """A row per photo: path, label, predicted, probability, correct, loss, rank, ..."""
        return self.predictions.table()


@dataclass(frozen=True)
class Batch:
    """A finished batch: its job, its table, and how many of the labelled photos are correct."""

    id: str
    table: str
    photos: int
    errors: int
    correct: int
    labelled: int


@dataclass(frozen=True)
class Model:
    """The model of a completed training job, whose id it has."""

    id: str
    name: str

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the model's order."""
        return self._stored.classes

    def evaluate(self, split: str = "") -> Evaluation:
        """Return the scores on a split: the test split, or validation where there is no test.

        Raises UserError if the model has no predictions of it.
        """
        stored = self._stored.predictions()
        chosen = split or next(
            (one for one in ("test", "validation") if one in stored.splits), "test"
        )
        if chosen not in stored.splits:
            known = ", ".join(stored.splits)
            raise UserError(f"{self.name} has no predictions for {chosen!r}, only for {known}.")
        return Evaluation(chosen, stored.of_split(chosen))

    def predict(
        self, photos: str | Path | Iterable[str | Path], tell: Tell = silent
    ) -> pd.DataFrame:
        """Classify photos: by the model's endpoint on this machine if there is one, else by a batch
        that is deleted again.

        Return a row per photo, in the given order: path, label, probability, unsure, unfamiliar,
        error ("" unless the photo cannot be used). Raises UserError if a file is missing.
        """
        given = work.paths(photos)
        live = endpoints.local_of(self.id)
        if live:
            return live.predict(given)
        return self._by_batch(given, tell)

    def export(self, path: str | Path) -> Path:
        """Copy the model, a model.tar.gz, to `path` (a folder or a new file). Return its path.

        Raises UserError if there is a file already.
        """
        target = Path(path).expanduser().absolute()
        if target.is_dir():
            target = target / f"{self.id}.tar.gz"
        if target.exists():
            raise UserError(f"{target} exists. Choose another name.", field="path")
        try:
            with store.archive(self._stored).open("rb") as archive, files.atomic(target) as file:
                shutil.copyfileobj(archive, file)
        except OSError as error:
            raise files.unwritable(error, target) or error from error
        return target

    def deploy(
        self,
        name: str = "",
        *,
        hours: float = 0,
        port: int = 0,
        tell: Tell = silent,
    ) -> endpoints.Endpoint:
        """Start an endpoint on this machine and wait until it answers; after `hours` it ends by
        itself, 0 means never. Raises JobFailed."""
        return endpoints.deploy(self.id, name or self.name, hours=hours, port=port, tell=tell)

    def batch(
        self, source: str | Path, target: str | Path, name: str = "", tell: Tell = silent
    ) -> Batch:
        """Classify every photo of a folder or an archive, and write the table to `target`, a new
        .csv or .parquet file.

        Photos in folders named like a class are scored. Raises UserError, JobFailed.
        """
        file = _new_table(Path(target).expanduser().absolute())
        photos = allow(Path(source).expanduser().absolute())
        kind = "archive"
        if photos.is_dir():
            kind = "folder"
        title = name or f"{photos.name}, {self.name}"[: settings.MAX_NAME_LENGTH]
        job = LOCAL.transform(TransformSpec(title, self.id, kind, path=str(photos)))
        job = work.wait(job, tell)
        _write_table(job, file)
        made = BatchProgress.from_json(job.status.progress)
        return Batch(job.id, str(file), made.total or 0, made.errors, made.correct, made.labelled)

    def _by_batch(self, photos: list[Path], tell: Tell) -> pd.DataFrame:
        with ExitStack() as opened:
            # Numbered, so that two photos of one name stay apart.
            kept = sources.keep_uploads(
                (f"{number:06}/{path.name}", opened.enter_context(path.open("rb")))
                for number, path in enumerate(photos)
            )
        name = f"Predict with {self.name}"[: settings.MAX_NAME_LENGTH]
        job = LOCAL.transform(TransformSpec(name, self.id, "upload", path=str(kept)))
        try:
            job = work.wait(job, tell)
            answered = table.read(job.folder, self.classes)
            rows = answered.page(answered.select(Choice()))
        finally:
            if LOCAL.refresh(job).state.is_finished:
                jobs.delete(job.id)
        rows = rows.sort_values("path", kind="stable").reset_index(drop=True)
        return _answers(photos, rows)

    @property
    def _stored(self) -> store.Model:
        return store.read(self.id)


def _new_table(target: Path) -> Path:
    if target.suffix not in TABLES:
        raise UserError(f"{target.name} has to end in {' or '.join(TABLES)}.", field="target")
    if target.exists():
        raise UserError(f"{target} exists. Choose another name.", field="target")
    if not target.parent.is_dir():
        raise UserError(f"There is no folder {target.parent}.", field="target")
    return target


def _write_table(job: Job, target: Path) -> None:
    try:
        with files.atomic(target) as file:
            if target.suffix == ".csv":
                file.writelines(results.to_csv(job.folder))
            else:
                file.write(results.results_file(job.folder).read_bytes())
    except OSError as error:
        raise files.unwritable(error, target) or error from error


def _answers(photos: list[Path], rows: pd.DataFrame) -> pd.DataFrame:
    if len(rows) != len(photos):
        raise NotFound(f"{len(photos)} photos were asked and {len(rows)} answered. Ask again.")
    frame = rows.rename(columns={"prediction": "label"}).drop(columns="path", errors="ignore")
    frame = frame.loc[:, ~frame.columns.duplicated(keep="last")]
    frame.insert(0, "path", np.array([str(path) for path in photos], dtype=object))
    return frame[list(ANSWER_COLUMNS)]


def models() -> list[Model]:
    """Return every model, newest first."""
    return [Model(found.id, found.name) for found in store.listing()]


def model(wanted: str) -> Model:
    """Return the model with this id or name. Raises NotFound, or UserError if several have it."""
    return work.one([*models()], wanted, "model")
