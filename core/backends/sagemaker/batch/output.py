"""The answers of a transform job on SageMaker, one object each, merged into the same table that a
local job writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from core.aws import connection, storage
from core.aws.documents import Json
from core.aws.storage import Store
from core.backends.sagemaker.batch import input as transform_input
from core.batch import items, results, rows, sources
from core.batch.items import Item
from core.batch.results import Row
from core.errors import BackendError, UserError
from core.io import files
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TransformSpec

THREADS = 16
BATCH = 256
SUFFIX = ".out"
NO_ANSWER = f"{results.UNANSWERED} from SageMaker for this photo"
DOUBTFUL = f"{results.UNANSWERED} is unambiguous: SageMaker wrote several objects named "
# Up to this many photos in S3 are downloaded for display.
SHOWN_PHOTOS = 2_000

Report = Callable[[int, int], None]


class Answer(NamedTuple):
    """The answer for one photo, or why there is none."""

    image_id: str
    found: Json | None
    problem: str


@dataclass
class Output:
    """The objects that a job has written: the keys of the answers by the name of the photo's
    object.

    Names are unique (see place.py), and each should have one answer.
    """

    store: Store
    spec: TransformSpec
    folder: RunFolder
    keys: dict[str, list[str]] = field(default_factory=dict)

    def look(self) -> int:
        """List the answers so far; return their number."""
        found: dict[str, list[str]] = {}
        for key in self.store.keys(storage.transform_key(self.spec.id, "output/")):
            if key.endswith(SUFFIX):
                found.setdefault(key.removesuffix(SUFFIX).rpartition("/")[2], []).append(key)
        self.keys = found
        return len(found)

    def join(
        self,
        classes: tuple[str, ...],
        training_ids: npt.NDArray[Any] | None,
        report: Report,
        *,
        whole: bool,
    ) -> None:
        """Update the table: rows without an answer, and missing rows, in order.

        `whole`: write all rows and finish; otherwise end with the last photo that has an answer. An
        earlier photo without one gets a row with an error, which stays open. `report` gets the
        numbers of rows and of errors.
        """
        reading = _Reading(self, classes, training_ids)
        with ThreadPoolExecutor(THREADS) as pool:
            results.fill(self.folder, lambda wanted: reading.again(wanted, pool))
            writer = results.Writer(self.folder)
            errors, done = results.errors(self.folder), writer.end
            total = items.count(sources.list_of(self.folder))
            left = (total if whole else reading.end(done)) - done
            for batch in items.batches(sources.list_of(self.folder), BATCH, done):
                made = reading.rows(list(enumerate(batch, done))[:left], pool)
                writer.add(made)
                errors += sum(bool(entry["error"]) for entry in made)
                done, left = done + len(made), left - len(made)
                report(done, errors)
                if not left:
                    break
        writer.flush()
        if whole:
            writer.finish()

    def remove(self) -> None:
        """Delete the answers in the bucket.

        The photos stay because they are shared, and the manifest stays for repeating the job.
        """
        self.store.delete(self.store.keys(storage.transform_key(self.spec.id, "output/")))


class _Reading:
    """One conversion of a job's answers to rows of its table."""

    def __init__(
        self,
        output: Output,
        classes: tuple[str, ...],
        training_ids: npt.NDArray[Any] | None,
    ) -> None:
        self.output, self.classes, self.training_ids = output, classes, training_ids
        self.store, self.folder = output.store, output.folder
        self.names = transform_input.Names(output.spec, output.folder, output.store)
        self.left_out = transform_input.refused(output.folder)
        self.unsent = transform_input.unsent(output.folder)
        total = items.count(sources.list_of(output.folder))
        self.brings = output.spec.source == "s3" and total <= SHOWN_PHOTOS

    def rows(self, numbered: list[tuple[int, Item]], pool: ThreadPoolExecutor) -> list[Row]:
        answers = pool.map(self._answer, numbered)
        return [
            rows.row(item, one.image_id, one.found, one.problem, self.classes, self.training_ids)
            for (_, item), one in zip(numbered, answers, strict=True)
        ]

    def again(self, wanted: list[int], pool: ThreadPoolExecutor) -> dict[int, Row]:
        """Return those of these rows that are no longer open."""
        numbered = list(zip(wanted, items.at(sources.list_of(self.folder), wanted), strict=True))
        found = zip(wanted, self.rows(numbered, pool), strict=True)
        return {row: made for row, made in found if not _is_open(made)}

    def end(self, start: int) -> int:
        """Return the row after the last answer, from `start` on; `start` if there is none."""
        end = row = start
        for batch in items.batches(sources.list_of(self.folder), BATCH, start):
            for item in batch:
                row += 1
                if row - 1 not in self.left_out and self.names.name(item) in self.output.keys:
                    end = row
        return end

    def _answer(self, numbered: tuple[int, Item]) -> Answer:
        row, item = numbered
        image_id = item.image_id or (self._bring(item) if self.brings else "")
        problem = self.left_out.get(row) or self.unsent.get(self.names.key(item), "")
        if problem:
            return Answer(image_id, None, problem)
        keys = self.output.keys.get(name := self.names.name(item), [])
        if len(keys) != 1:
            return Answer(image_id, None, DOUBTFUL + name if keys else NO_ANSWER)
        answer = self._read(keys[0])
        if refusal := answer.get("error"):
            return Answer(image_id, None, str(refusal["message"]))
        return Answer(image_id, answer, "")

    def _read(self, key: str) -> Json:
        account = self.store.account
        with connection.translate_errors(f"reading {self.store.uri(key)}"):
            found = self.store.client.get_object(Bucket=account.bucket, Key=account.key(key))
            body = found["Body"].read()
        try:
            return dict(json.loads(body))
        except ValueError:
            beginning = body[:100].decode("utf-8", "replace")
            return {"error": {"message": f"SageMaker's answer is not JSON: {beginning}"}}

    def _bring(self, item: Item) -> str:
        """Download a photo from S3 to the job's folder; return its id, or '' if that fails."""
        try:
            target = files.safe_join(self.folder.input / "images", item.file)
            files.folder_below(
                self.folder.input, target.parent.relative_to(self.folder.input.resolve())
            )
            if not target.exists() and not self.store.fetch(self.names.source + item.file, target):
                return ""
            return hashlib.sha256(Path(target).read_bytes()).hexdigest()
        except (BackendError, UserError, OSError):
            return ""


def _is_open(row: Row) -> bool:
    return str(row["error"]).startswith(results.UNANSWERED)
