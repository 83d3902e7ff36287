"""The run folder of a job and the paths of its files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from core import settings
from core.errors import NotFound

# Ids made here; a trial named by SageMaker has its tuning job's id with a number and eight digits
# more.
ID_PATTERN = re.compile(r"fm-[a-z]+-\d{8}t\d{6}-[0-9a-f]{6}(-\d{3,}-[0-9a-f]{8})?")


@dataclass(frozen=True)
class RunFolder:
    """The paths inside a job's folder."""

    path: Path

    @classmethod
    def of(cls, job_id: str) -> RunFolder:
        if not ID_PATTERN.fullmatch(job_id):
            raise NotFound(f"{job_id!r} is not the id of a job.")
        return cls(settings.jobs_dir() / job_id)

    @property
    def spec(self) -> Path:
        return self.path / "job.json"

    @property
    def status(self) -> Path:
        return self.path / "status.json"

    @property
    def label(self) -> Path:
        return self.path / "label.json"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def stop_request(self) -> Path:
        return self.path / "stop"

    @property
    def input(self) -> Path:
        return self.path / "input"

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def output(self) -> Path:
        return self.path / "output"

    @property
    def temporary(self) -> Path:
        return self.path / "tmp"

    @property
    def artifact(self) -> Path:
        return self.output / "model.tar.gz"

    @property
    def predictions(self) -> Path:
        return self.output / "predictions.npz"

    @property
    def failure(self) -> Path:
        return self.output / "failure"
