"""Run programs for benchmarks, and show the results."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from core import settings
from core.jobs import processes

# Above this share of the machine used by others, a result is not reliable.
DISTURBED = 0.1


class BenchmarkError(Exception):
    """A measured program failed; the message has the end of its output."""


@dataclass(frozen=True)
class Run:
    """One finished program: its seconds from start to end, and each output line with its second.
    `disturbed` is the share of the machine used meanwhile by other programs or other guests of the
    host."""

    seconds: float
    lines: tuple[tuple[float, str], ...]
    disturbed: float = 0.0

    def report(self) -> Mapping[str, Any]:
        """The JSON object in the program's last line, in which peers report their results."""
        found = json.loads(self.lines[-1][1])
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True)
class Row:
    """One line of the table. `value` is in the benchmark's unit. Lines that are not peers, but
    informative, are not compared."""

    name: str
    value: float
    accuracy: float | None = None
    note: str = ""
    compared: bool = True


@dataclass(frozen=True)
class Outcome:
    """The result of one benchmark. `target` is a ratio; `extra` has further figures for the JSON
    object."""

    bench: str
    unit: str
    ours: Row
    peer: Row
    target: float | None
    n: int
    more_is_better: bool = False
    others: tuple[Row, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return self.ratio_to(self.peer)

    def ratio_to(self, other: Row) -> float:
        """Return how many times better Fieldmark is than the peer."""
        if self.more_is_better:
            return self.ours.value / other.value
        return other.value / self.ours.value

    def as_json(self) -> str:
        body = {
            "bench": self.bench,
            "ours": round(self.ours.value, 3),
            "peer": round(self.peer.value, 3),
            "unit": self.unit,
            "ratio": round(self.ratio, 2),
            "target": self.target,
            "accuracy_ours": self.ours.accuracy,
            "accuracy_peer": self.peer.accuracy,
            "n": self.n,
        }
        return json.dumps({**body, **self.extra})


def show(outcome: Outcome) -> None:
    """Print the table and, as the last line, the JSON object for programs."""
    lines = [("", outcome.unit, "accuracy", "Fieldmark is better", "")]
    for row in (outcome.ours, outcome.peer, *outcome.others):
        accuracy, times = "", ""
        if row.accuracy is not None:
            accuracy = f"{row.accuracy:.3f}"
        if row.compared and row is not outcome.ours:
            times = f"{outcome.ratio_to(row):.1f}x"
        lines.append((row.name, f"{row.value:.2f}", accuracy, times, row.note))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    about = machine()
    if outcome.ours.accuracy is not None:
        about += f"; accuracy on {outcome.n} test images"
    print(f"\n{outcome.bench}  ({about})")
    for first, *rest in lines:
        cells = [
            first.ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(rest[:-1], widths[1:-1], strict=True)),
            rest[-1],
        ]
        print("  " + "  ".join(cells).rstrip())
    if outcome.target is not None:
        verdict = "reached" if outcome.ratio >= outcome.target else "MISSED"
        print(f"  target {outcome.target:g}x: {verdict}")
    print(outcome.as_json(), flush=True)


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other benchmark runs on this machine, because two would disturb each other."""
    with (Path(tempfile.gettempdir()) / f"fieldmark-benchmarks-{os.getuid()}.lock").open(
        "wb"
    ) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  waiting for another benchmark to end ...", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], label: str) -> Run:
    """Run a program to its end; the time includes the process start. Raises BenchmarkError if it
    fails."""
    print(f"  {label} ...", end="", file=sys.stderr, flush=True)
    lines: list[tuple[float, str]] = []
    start, cpu = time.perf_counter(), _cpu_of_others()
    with subprocess.Popen(
        command, cwd=cwd, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        lines.extend((time.perf_counter() - start, line.rstrip("\n")) for line in process.stdout)
    seconds = time.perf_counter() - start
    disturbed = max(0.0, _cpu_of_others() - cpu) / (seconds * (psutil.cpu_count() or 1))
    warning = (
        f" (others used {disturbed:.0%} of the machine: measure again when it is quiet)"
        if disturbed > DISTURBED
        else ""
    )
    print(f" {seconds:.1f} s{warning}", file=sys.stderr, flush=True)
    if process.returncode != 0:
        end = "\n".join(text for _, text in lines[-20:])
        raise BenchmarkError(f"{label} ended with code {process.returncode}:\n{end}")
    return Run(seconds, tuple(lines), disturbed)


def run_peer(name: str, images: Path, manifest: Path, *options: str) -> Run:
    """Run `benchmarks.peers.<name>` on the images of a manifest, in an environment without
    Fieldmark."""
    command = [
        sys.executable,
        "-m",
        f"benchmarks.peers.{name}",
        "--images",
        str(images),
        "--manifest",
        str(manifest),
        *options,
    ]
    return run(
        command, cwd=settings.PROJECT, env=processes.clean_environment(), label=f"peer: {name}"
    )


@functools.cache
def workspace() -> Path:
    """Return a folder for this process's runs, removed when it exits."""
    folder = tempfile.TemporaryDirectory(prefix="fieldmark-bench-")
    _kept.append(folder)
    return Path(folder.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []


def _cpu_of_others() -> float:
    """Return the CPU seconds since boot that are neither idle nor used by finished children of this
    process."""
    times, children = psutil.cpu_times(), resource.getrusage(resource.RUSAGE_CHILDREN)
    everyone = times.user + times.system + getattr(times, "nice", 0) + getattr(times, "steal", 0)
    return float(everyone - children.ru_utime - children.ru_stime)


def machine() -> str:
    """Return the CPU's name and the number of cores that this process may use."""
    names = (
        line.split(":", 1)[1].strip()
        for line in _cpuinfo().splitlines()
        if line.startswith("model name")
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores of {next(names, platform.processor() or platform.machine())}"


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text(errors="replace") if path.exists() else ""
