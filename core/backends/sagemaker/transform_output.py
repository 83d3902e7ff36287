"""The answers of a transform job on SageMaker, an object each, brought back into the one table that a local job leaves as well."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from core import files
from core.backends.sagemaker import connection, storage, transform_input
from core.backends.sagemaker.storage import Store
from core.errors import BackendError, UserError
from core.jobs import RunFolder
from core.specs import TransformSpec
from core.transform import items, results, rows, sources
from core.transform.items import Item

THREADS = 16
BATCH = 256
SUFFIX = ".out"
NO_ANSWER = "SageMaker left no answer for this photo"
# Photos that lie in S3 are brought here to be looked at, up to so many.
SHOWN_PHOTOS = 2_000


@dataclass
class Output:
    """What a job has written: by the name of the input object, the key of its answer (without the account's prefix)."""

    store: Store
    spec: TransformSpec
    folder: RunFolder
    keys: dict[str, str] = field(default_factory=dict)

    def look(self) -> int:
        """Lists the answers there are now; how many."""
        start = storage.transform_key(self.spec.id, "output/")
        self.keys = {key[len(start) : -len(SUFFIX)]: key for key in self.store.keys(start) if key.endswith(SUFFIX)}
        return len(self.keys)

    def answer_of(self, key: str) -> str | None:
        """Where the answer to an input object lies: AWS repeats more or less of its path, so that the end of it decides."""
        parts = key.split("/")
        return next((found for start in range(len(parts)) if (found := self.keys.get("/".join(parts[start:])))), None)

    def join(
        self,
        classes: tuple[str, ...],
        training_ids: npt.NDArray[Any] | None,
        report: Callable[[int, int], None],
        *,
        whole: bool,
    ) -> None:
        """Appends the rows that are not in the table yet, in the order of the list.

        `whole`: a photo without an answer is a row with an error; otherwise the table ends before the first of them. `report` gets
        how many rows are done, and how many of them are errors.
        """
        writer = results.Writer(self.folder)
        left_out, total = transform_input.refused(self.folder), items.count(sources.list_of(self.folder))
        bring = self.spec.source == "s3" and total <= SHOWN_PHOTOS
        errors, done = results.errors(self.folder), writer.end
        with ThreadPoolExecutor(THREADS) as pool:
            for batch in items.batches(sources.list_of(self.folder), BATCH, writer.end):
                first = done
                made: list[dict[str, Any]] = []
                numbered = list(enumerate(batch, first))
                for (row, item), (image_id, answer) in zip(numbered, pool.map(lambda one: self._one(one[1], bring), numbered), strict=True):
                    problem = left_out.get(row) or ("" if answer else NO_ANSWER)
                    if problem == NO_ANSWER and not whole:
                        writer.add(made)
                        writer.flush()
                        return
                    refusal = answer.get("error") if answer else None
                    problem = problem or (str(refusal["message"]) if refusal else "")
                    made.append(rows.row(item, image_id, None if problem else answer, problem, classes, training_ids))
                writer.add(made)
                errors += sum(bool(entry["error"]) for entry in made)
                done += len(made)
                report(done, errors)
        writer.flush()
        if whole:
            writer.finish()

    def _one(self, item: Item, bring: bool) -> tuple[str, dict[str, Any] | None]:
        """The photo's id and its answer, None where there is none."""
        image_id = item.image_id or (self._bring(item) if bring else "")
        found = self.answer_of(transform_input.key_of(item, self.spec)) if (item.image_id or self.spec.source == "s3") else None
        if not found:
            return image_id, None
        with connection.asking(f"reading {self.store.uri(found)}"):
            body = self.store.client.get_object(Bucket=self.store.account.bucket, Key=self.store.account.key(found))["Body"].read()
        try:
            return image_id, dict(json.loads(body))
        except ValueError:
            return image_id, {"error": {"message": f"SageMaker's answer is not JSON: {body[:100].decode('utf-8', 'replace')}"}}

    def _bring(self, item: Item) -> str:
        """Copies a photo that lies in S3 to where the job's own photos are; its id, '' where it can't be had."""
        try:
            target = files.safe_join(self.folder.input / "images", item.file)
            if not target.exists() and not self.store.fetch(transform_input.prefix_of(self.spec, self.store) + item.file, target):
                return ""
            return hashlib.sha256(Path(target).read_bytes()).hexdigest()
        except (BackendError, UserError, OSError):
            return ""

    def remove(self) -> None:
        """Deletes the answers in the bucket. Its photos stay, for they are shared, and its list of them, for whoever repeats the job."""
        self.store.delete(self.store.keys(storage.transform_key(self.spec.id, "output/")))
