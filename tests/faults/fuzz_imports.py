"""Imports hostile and damaged archives, tables and folders, and looks at what remains.

Counted as faults: files outside, links or devices inside, errors that are not ours, what is left over, and cases that take over ten
seconds of a processor or 300 MB.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import stat
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from core import settings
from core.bin import deleted
from core.datasets import store
from core.datasets.importing import run as importing
from core.datasets.importing.run import ImportSource
from core.errors import FieldmarkError
from tests.faults import _import_cases

CASE_SECONDS = 10.0
HANG_SECONDS = 120.0
CASE_MB = 300
FAULTS = (
    "outside",
    "links_or_devices",
    "strange_errors",
    "leftovers",
    "time_outs",
    "memory",
    "deaths",
)
NAMED = 20


def run(rounds: int, seed: int) -> dict[str, int | float | str]:
    """Import `rounds` cases, in a process that is replaced when it dies or hangs."""
    counted: Counter[str] = Counter(dict.fromkeys(FAULTS, 0))
    slowest, most = 0.0, 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        worker = _Process(Path(folder), seed)
        for number in range(rounds):
            answer = worker.ask(number)
            slowest, most = max(slowest, answer["cpu"]), max(most, answer["mb"])
            counted.update([answer["outcome"], *answer["faults"]])
            if number % 100 == 99:
                print(
                    f"{number + 1} cases, {sum(counted[fault] for fault in FAULTS)} faults",
                    flush=True,
                )
            if answer["faults"] and sum(counted[fault] for fault in FAULTS) < NAMED:
                print(f"case {number} of seed {seed}: {answer}", flush=True)
        worker.end()
    return {
        "faults": sum(counted[fault] for fault in FAULTS),
        **dict(sorted(counted.items())),
        "slowest_cpu_seconds": round(slowest, 2),
        "most_mb_above_start": most,
    }


class _Process:
    """The process that imports, and how it is spoken to."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._seed = folder, seed
        self._process = self._started()

    def ask(self, number: int) -> dict[str, Any]:
        process = self._process
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{number}\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            line = process.stdout.readline() if selector.select(HANG_SECONDS) else "hangs"
        if line.startswith("{"):
            answer: dict[str, Any] = json.loads(line)
            # Memory is a high-water mark: the next case starts from the bottom again.
            if "memory" in answer["faults"]:
                self._renew()
            return answer
        self._renew()
        fault = "time_outs" if line else "deaths"
        return {"outcome": "none", "faults": [fault], "cpu": HANG_SECONDS if line else 0.0, "mb": 0}

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _renew(self) -> None:
        self.end()
        self._process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        work = Path(tempfile.mkdtemp(dir=self._folder))
        (work / "tmp").mkdir()
        places = {
            "FIELDMARK_HOME": str(work / "home"),
            "FIELDMARK_IMPORT_ROOTS": str(work),
            "TMPDIR": str(work / "tmp"),
        }
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.fuzz_imports", str(work), str(self._seed)],
            cwd=settings.PROJECT,
            env={**os.environ, **places},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def _serve(work: Path, seed: int) -> None:
    """Import the cases whose numbers are read, and prints what came of each."""
    warmed = False
    for line in sys.stdin:
        if not warmed:
            # What the first import of all loads is no case's memory.
            _case(work, 0, -1)
            warmed, base = True, _peak()
        answer = _case(work, seed, int(line))
        answer["mb"] = _peak() - base
        if answer["mb"] > CASE_MB:
            answer["faults"].append("memory")
        print(json.dumps(answer), flush=True)


def _case(work: Path, seed: int, number: int) -> dict[str, Any]:
    place = work / "case"
    place.mkdir()
    kind, source, path = _import_cases.make(seed, number, place)
    before = _files(work, place)
    faults: list[str] = []
    said, started = "", time.process_time()
    try:
        version = importing.run_import(
            ImportSource(source, path), "Fuzz", skip_small=number % 3 > 0
        )
        outcome = "imported"
    except FieldmarkError as error:
        outcome, said = type(error).__name__, str(error)[:200]
    except BaseException:
        outcome, said = "strange", traceback.format_exc()[-1500:]
        faults.append("strange_errors")
    cpu = time.process_time() - started
    faults += ["time_outs"] * (cpu > CASE_SECONDS)
    if outcome == "imported":
        faults += ["links_or_devices"] * (
            source == "archive" and not _is_plain(store.dataset(version.dataset_id).root)
        )
        deleted.remove(store.move_to_bin(version.dataset_id))
    faults += ["leftovers"] * _has_leftovers(work)
    faults += ["outside"] * (_files(work, place) != before)
    subprocess.run(["rm", "-rf", str(place)], check=True)
    return {"kind": kind, "outcome": outcome, "said": said, "faults": faults, "cpu": round(cpu, 2)}


def _files(work: Path, place: Path) -> set[str]:
    """Return every file that is neither the case's nor in the home, and what a path that leads
    outside might hit."""
    found = {str(path) for path in work.iterdir() if path.name != "home"}
    found |= {str(path) for path in (work / "tmp").rglob("*")} | {
        str(path) for path in place.iterdir()
    }
    return found | {
        str(path)
        for folder in (work.parent, Path("/tmp"), Path("/etc"))
        for path in folder.glob("x.jpg")
    }


def _is_plain(root: Path) -> bool:
    modes = [path.lstat().st_mode for path in root.rglob("*")]
    return all(
        (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and not mode & (stat.S_ISUID | stat.S_ISGID)
        for mode in modes
    )


def _has_leftovers(work: Path) -> bool:
    """Return whether anything but the home's own empty folders is there."""
    return any(path.is_file() or path.name.startswith(".") for path in (work / "home").rglob("*"))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]))
