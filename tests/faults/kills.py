"""Kills whatever runs, at any moment: workers, training scripts, apps, and processes in the middle
of making a version or of a deletion.

After each kill the job is in its right state within ten seconds, nothing of it runs on, and
everything that was there can be read. After the next start nothing half made is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil

from core import settings
from core.backends import LOCAL
from core.datasets import store
from core.datasets.importing import run as importing
from core.errors import NotFound
from core.jobs import inbox
from core.jobs import store as jobs
from core.jobs.specs import ImportSpec, TrainingSpec, TransformSpec, TuningSpec
from core.jobs.store import Job, State
from core.models import store as models
from core.tuning import space as spaces
from core.tuning.space import Range
from tests import shapes

SMALL = {"preset": "fast", "arch": "lite0@64", "precision": "exact"}
SECONDS = 10.0
FAULTS = ("wrong", "slow", "orphans", "lost", "unreadable", "leftovers", "not resumed")
# What a process of its own does until it is killed.
MAKE = """
import sys
from core import settings
from core.datasets import store
print("begins", flush=True)
while True:
    parent = store.version(sys.argv[1], "v1")
    store.derive(parent, {"kind": "stratified", "ratios": settings.DEFAULT_RATIOS, "seed": 1})
"""
DELETE = """
import sys
from core.jobs import store as jobs
from core.datasets import store
print("begins", flush=True)
jobs.delete(sys.argv[1]) if sys.argv[1].startswith("fm-") else store.move_to_bin(sys.argv[1])
"""
APP = """
import sys, time
from core.backends import LOCAL
from core.jobs.specs import ImportSpec
from tests.faults import kills
warm = LOCAL.warm_up()
print("begins", flush=True)
LOCAL.import_dataset(kills.upload(sys.argv[1]))
time.sleep(60)
"""
SWEEP = "from core.backends.local import leftovers; leftovers.sweep()"


def run(rounds: int, seed: int) -> dict[str, int | float | str]:
    """Return `rounds` kills, each of something else by chance. Faults: see FAULTS."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ[settings.ENV_HOME] = str(Path(folder) / "home")
        os.environ[settings.ENV_IMPORT_ROOTS] = folder
        os.environ[settings.ENV_PREPARE] = "0"
        try:
            return _Killing(Path(folder), random.Random(seed)).run(rounds)
        finally:
            os.environ.clear()
            os.environ.update(before)


def upload(packed: str) -> ImportSpec:
    """Return an import of an archive as a browser sends it."""
    archive = inbox.new_archive()
    archive.write_bytes(Path(packed).read_bytes())
    return ImportSpec("Uploaded", "archive", path=str(archive), shown="shapes.zip")


class _Killing:
    """One home in which things are killed."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder, self.chance = folder, chance
        self.counted: Counter[str] = Counter(dict.fromkeys(FAULTS, 0))
        self.longest = 0.0
        self.photos = shapes.draw(folder / "shapes", 30)
        self.packed = folder / "shapes.zip"
        with zipfile.ZipFile(self.packed, "w") as packed:
            for path in self.photos.rglob("*.png"):
                packed.write(path, path.relative_to(self.photos))
        source = importing.ImportSource("folder", self.photos)
        self.version = importing.run_import(source, "Shapes")
        self.model: Job | None = None

    def run(self, rounds: int) -> dict[str, int | float | str]:
        warm = LOCAL.warm_up()
        try:
            self._await_warm(warm)
            self.model = self._ended(LOCAL.train(self._training()), 300)
            kinds: dict[str, Callable[[], None]] = {
                "import": lambda: self._job(LOCAL.import_dataset(upload(str(self.packed))), 2),
                "training": self._training_and_resume,
                "tuning": lambda: self._job(LOCAL.tune(self._tuning()), 6),
                "batch": lambda: self._job(LOCAL.transform(self._batch()), 4),
                "version": lambda: self._process(MAKE, self.version.dataset_id, 1.0),
                "deletion": self._deletion,
                "app": lambda: self._process(APP, str(self.packed), 4.0),
            }
            for number in range(rounds):
                name = self.chance.choice(list(kinds))
                kinds[name]()
                self.counted[f"{name} kills"] += 1
                self._look(f"round {number}, {name}")
        finally:
            LOCAL.cool_down(warm)
        self._start_again()
        self.counted["faults"] = sum(self.counted[name] for name in FAULTS)
        return {**self.counted, "longest seconds to the right state": round(self.longest, 2)}

    def _await_warm(self, warm: subprocess.Popen[bytes]) -> None:
        while warm.poll() is None and "ready" not in (settings.home() / "warm.log").read_text():
            time.sleep(0.1)

    def _training(self) -> TrainingSpec:
        values = {**SMALL, "seed": str(self.chance.randrange(1000))}
        return TrainingSpec("Small", self.version.dataset_id, self.version.id, values)

    def _tuning(self) -> TuningSpec:
        space = spaces.as_dict({"weight_decay": Range("float", 0.0001, 100, log=True)})
        where = (self.version.dataset_id, self.version.id)
        return TuningSpec("Tuned", *where, SMALL, space, max_trials=4)

    def _batch(self) -> TransformSpec:
        assert self.model
        return TransformSpec("Batch", self.model.id, "folder", path=str(self.photos))

    def _training_and_resume(self) -> None:
        spec = self._training()
        job = LOCAL.train(spec)
        self._job(job, 3)
        if self.chance.random() < 0.3 and jobs.read(job.id).state is State.FAILED:
            resumed = replace(spec, id=jobs.new_id("training"), resumed_from=job.id)
            again = self._ended(LOCAL.train(resumed), 120)
            self._count("not resumed", again.state is not State.COMPLETED, again.status.reason)

    def _job(self, job: Job, seconds: float) -> None:
        """Kill one of a job's processes after a while, mostly its worker."""
        time.sleep(self.chance.uniform(0, seconds))
        worker = LOCAL.refresh(job).status.pid or job.status.pid
        doomed = self._family(worker)
        if doomed:
            victim = doomed[0] if self.chance.random() < 0.7 else self.chance.choice(doomed)
            self._kill(victim.pid)
        begun = time.monotonic()
        while not LOCAL.refresh(job).state.is_finished and doomed and doomed[0].pid == worker:
            if time.monotonic() - begun > 10 * SECONDS:
                break
            time.sleep(0.02)
        now = LOCAL.refresh(job)
        taken = time.monotonic() - begun
        if doomed and not psutil.pid_exists(doomed[0].pid):
            self.longest = max(self.longest, taken)
            self._count("slow", taken > SECONDS, f"{job.id}: {taken:.1f} s")
        self._count("wrong", not now.state.is_finished, f"{job.id}: {now.state} {now.status}")
        self._count("wrong", now.state is State.FAILED and not now.status.reason, job.id)
        self._count("orphans", bool(self._orphans(job)), f"{job.id}: {self._orphans(job)}")

    def _family(self, pid: int | None) -> list[psutil.Process]:
        try:
            process = psutil.Process(pid or 0)
            return [process, *process.children(recursive=True)] if pid else []
        except psutil.Error:
            return []

    def _orphans(self, job: Job) -> list[psutil.Process]:
        """Return what still works in an ended job's folder, once it had a moment to end."""
        until = time.monotonic() + SECONDS
        while found := [one for one in psutil.process_iter() if self._works_in(one, job)]:
            if time.monotonic() > until:
                return found
            time.sleep(0.05)
        return []

    def _works_in(self, process: psutil.Process, job: Job) -> bool:
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            return alive and Path(process.cwd()).is_relative_to(job.folder.path)
        except (psutil.Error, OSError):
            return False

    def _process(self, program: str, argument: str, seconds: float) -> None:
        command = [sys.executable, "-c", program, argument]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=settings.PROJECT, stdout=pipe, text=True)
        assert process.stdout
        process.stdout.readline()
        time.sleep(self.chance.uniform(0, seconds))
        process.kill()
        process.wait()
        for job in jobs.readable("import"):
            self._ended(job, 120)

    def _deletion(self) -> None:
        done = [job for job in jobs.readable() if job.state.is_finished and not self._is_kept(job)]
        others = [
            item.id
            for item in store.datasets()
            if isinstance(item, store.Dataset) and item.id != self.version.dataset_id
        ]
        found = [job.id for job in done if not job.tuning_id] + others
        if found:
            self._process(DELETE, self.chance.choice(found), 0.05)

    def _is_kept(self, job: Job) -> bool:
        return self.model is not None and job.id == self.model.id

    def _kill(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            self.counted["ended before"] += 1

    def _ended(self, job: Job, seconds: float) -> Job:
        until = time.monotonic() + seconds
        while True:
            try:
                job = LOCAL.refresh(job)
            except NotFound:
                return job
            if job.state.is_finished or time.monotonic() > until:
                self._count("wrong", not job.state.is_finished, f"{job.id} still runs")
                return job
            time.sleep(0.02)

    def _look(self, where: str) -> None:
        """Return whether all that was there is there, and can be read."""
        broken = [item for item in store.datasets() if isinstance(item, store.Unreadable)]
        bad = [item for item in jobs.listing() if isinstance(item, jobs.Unreadable)]
        self._count("unreadable", bool(broken or bad), f"{where}: {broken} {bad}")
        for item in store.datasets():
            if isinstance(item, store.Dataset):
                for version in store.versions(item.id):
                    whole = isinstance(version, store.Version) and len(store.manifest_of(version))
                    self._count("unreadable", not whole, f"{where}: {version}")
        ids = [item.id for item in store.datasets()]
        self._count("lost", self.version.dataset_id not in ids, f"{where}: the dataset")
        kept = self.model is not None and self.model.id in [one.id for one in models.listing()]
        self._count("lost", not kept, f"{where}: the model")

    def _start_again(self) -> None:
        time.sleep(1.5)
        for job in jobs.readable():
            LOCAL.refresh(job)
        subprocess.run([sys.executable, "-c", SWEEP], cwd=settings.PROJECT, check=True)
        home = settings.home()
        left = [path for path in home.rglob("*") if path.name.startswith(".")]
        left += [*settings.temporary_dir().iterdir(), *settings.uploads_dir().iterdir()]
        left += list(settings.jobs_dir().glob("*/tmp"))
        for path in left:
            self._count("leftovers", True, str(path))

    def _count(self, fault: str, holds: bool, what: str) -> None:
        if holds:
            self.counted[fault] += 1
            print(f"{fault}: {what}", flush=True)
