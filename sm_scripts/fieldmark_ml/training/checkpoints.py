"""Checkpoints: written atomically, the last two kept, the newest readable one loaded. Checkpoints
of a changed job are refused."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import torch

from fieldmark_ml.runtime import TrainingError, log, stop_asked, write_atomic

KEEP = 2
SECONDS_BETWEEN = 5.0
FINISHED = "finished.json"

# The state that a training resumes from; its fields depend on the mode.
State = dict[str, Any]


class Checkpoints:
    """The checkpoints of one job in `folder`.

    `fingerprint` identifies the job; another job's checkpoints are refused.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder, self.fingerprint = folder, fingerprint
        self._saved = time.monotonic()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"checkpoint_dir {folder} cannot be created ({error.strerror}). Choose another "
                "--checkpoint_dir."
            ) from None
        for stray in folder.glob(".checkpoint-*.tmp"):
            stray.unlink(missing_ok=True)

    def paths(self) -> list[Path]:
        """Return the checkpoints, oldest first: by number, because by text 10 comes before 9."""
        return sorted(
            self.folder.glob("checkpoint-*.pt"), key=lambda path: int(path.stem.split("-")[1])
        )

    def due(self) -> bool:
        """Return whether a checkpoint is due: some seconds have passed, or a stop was requested."""
        return stop_asked() or time.monotonic() - self._saved > SECONDS_BETWEEN

    def save_if_due(self, state: State) -> None:
        if self.due():
            self.save(state)

    def save(self, state: State) -> None:
        paths = self.paths()
        number = int(paths[-1].stem.split("-")[1]) + 1 if paths else 1
        buffer = io.BytesIO()
        torch.save({"fingerprint": self.fingerprint, "state": state}, buffer)
        write_atomic(self.folder / f"checkpoint-{number:06d}.pt", buffer.getvalue())
        for old in self.paths()[:-KEEP]:
            old.unlink(missing_ok=True)
        self._saved = time.monotonic()

    def load(self) -> State | None:
        """Return the newest readable state, or None if there is no checkpoint.

        Raises TrainingError if there are some and none can be used.
        """
        paths = self.paths()
        for path in reversed(paths):
            try:
                loaded = torch.load(path, map_location="cpu", weights_only=True)
                state, fingerprint = loaded["state"], loaded["fingerprint"]
            except Exception as error:
                log(
                    f"checkpoint {path.name} cannot be read ({type(error).__name__}); trying the "
                    "previous one"
                )
                continue
            self._check(fingerprint, path.name)
            log(f"resuming from {path.name}")
            return state
        if paths:
            raise TrainingError(
                f"None of the {len(paths)} checkpoints in {self.folder} can be read. Delete them "
                "to start from the beginning, "
                "or use another --checkpoint_dir."
            )
        return None

    def finish(self) -> None:
        write_atomic(self.folder / FINISHED, json.dumps({"fingerprint": self.fingerprint}).encode())

    def finished(self) -> bool:
        """Return whether this same job has already completed."""
        try:
            fingerprint = json.loads((self.folder / FINISHED).read_bytes())["fingerprint"]
        except (OSError, ValueError, KeyError):
            return False
        self._check(fingerprint, FINISHED)
        return True

    def _check(self, fingerprint: str, name: str) -> None:
        if fingerprint != self.fingerprint:
            raise TrainingError(
                f"{self.folder / name} belongs to a training with other settings or photos. Use "
                "another --checkpoint_dir, or delete it."
            )
