"""Two apps on one home do two things to one thing at the same moment: every pair of verbs, many
times.

Nothing may be lost that somebody was told is done, nothing deleted may come back, and whoever comes
too late is told in Fieldmark's own words.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

from core import settings
from core.datasets import store
from core.errors import FieldmarkError
from core.jobs import store as jobs
from tests.faults import _race_verbs as verbs

SPREAD_SECONDS = 0.003
LEAD_SECONDS = 0.004
FAULTS = ("lost", "ghosts", "strange", "unreadable", "leftovers")


def run(rounds: int, seed: int) -> dict[str, int | float | str]:
    """Return `rounds` of each pair. Faults: lost updates, ghosts, errors that are not Fieldmark's
    own, folders that can't be read, and leftovers."""
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get(settings.ENV_HOME)
        os.environ[settings.ENV_HOME] = str(Path(folder) / "home")
        try:
            return _raced(rounds, random.Random(seed))
        finally:
            os.environ.pop(settings.ENV_HOME)
            os.environ |= {settings.ENV_HOME: before} if before else {}


def _raced(rounds: int, chance: random.Random) -> dict[str, int | float | str]:
    counted: Counter[str] = Counter(dict.fromkeys(FAULTS, 0))
    apps = [_App(), _App()]
    try:
        for name, kind in verbs.KINDS.items():
            for pair in combinations_with_replacement(kind.verbs, 2):
                counted["pairs"] += 1
                for _ in range(rounds):
                    _one_round(apps, name, pair, chance, counted)
    finally:
        for app in apps:
            app.close()
    counted["unreadable"] = len(_unreadable())
    counted["leftovers"] = len(_leftovers())
    counted["faults"] = sum(counted[name] for name in FAULTS)
    return dict(counted)


class _App:
    """A process that does what it is told, at the moment it is told."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.races"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=settings.PROJECT,
        )

    def tell(self, **order: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        """'' where it was done, 'told' where it was refused in words, else what went wrong."""
        assert self._process.stdout
        return str(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


# What takes a thing away, and nobody brings back.
DELETIONS = {"delete", "bin", "dismiss"}
_current: dict[str, str] = {}
_number = 0


def _one_round(
    apps: list[_App], name: str, pair: tuple[str, str], chance: random.Random, counted: Counter[str]
) -> None:
    global _number
    kind = verbs.KINDS[name]
    thing = _current.pop(name, "")
    if (
        not thing
        or DELETIONS & {*pair}
        or not kind.folder(thing).is_dir()
        or name in ("dead", "dataset")
    ):
        _drop(kind, thing)
        thing = kind.make()
    marks = [str(_number := _number + 1) for _ in apps]
    start = time.monotonic() + LEAD_SECONDS
    for app, verb, mark in zip(apps, pair, marks, strict=True):
        at = start + chance.uniform(0, SPREAD_SECONDS)
        app.tell(kind=name, verb=verb, thing=thing, mark=mark, at=at)
    answers = [app.answer() for app in apps]
    counted["rounds"] += 1
    counted["told"] += answers.count("told")
    for verb, answer in zip(pair, answers, strict=True):
        if answer not in ("", "told"):
            counted["strange"] += 1
            print(f"{name}: {' and '.join(pair)}: {verb}: {answer}", flush=True)
    _judge(kind, thing, pair, marks, answers, counted)
    _current[name] = thing


def _judge(
    kind: verbs.Kind,
    thing: str,
    pair: tuple[str, str],
    marks: list[str],
    answers: list[str],
    counted: Counter[str],
) -> None:
    done = [verb for verb, answer in zip(pair, answers, strict=True) if not answer]
    if DELETIONS & {*done}:
        if kind.folder(thing).exists() and "add" not in pair:
            counted["ghosts"] += 1
            print(f"{pair}: {thing} came back: {list(kind.folder(thing).iterdir())}", flush=True)
        return
    if pair in verbs.UNDOES or pair[::-1] in verbs.UNDOES:
        return
    seen = [
        (kind.verbs[verb].part, check(thing, mark))
        for verb, mark, answer in zip(pair, marks, answers, strict=True)
        if not answer and (check := kind.verbs[verb].seen)
    ]
    for part in {part for part, _ in seen}:
        found = [there for other, there in seen if other == part]
        if not (any(found) if part else all(found)):
            counted["lost"] += 1
            print(f"{pair}: {part or 'an effect'} was lost of {thing}", flush=True)


def _drop(kind: verbs.Kind, thing: str) -> None:
    """Remove what was raced about, so that lists stay short."""
    if thing and "delete" in kind.verbs and kind.folder(thing).is_dir():
        kind.verbs["delete"].act(thing, "")


def _unreadable() -> list[object]:
    found: list[object] = [item for item in store.datasets() if isinstance(item, store.Unreadable)]
    return found + [item for item in jobs.listing() if isinstance(item, jobs.Unreadable)]


def _leftovers() -> list[Path]:
    """Hidden files and folders, and whatever is still among the temporary ones."""
    hidden = [path for path in settings.home().rglob(".*") if path.name != ".lock"]
    found = hidden + list(settings.temporary_dir().iterdir())
    for path in found:
        print(f"left over: {path}", flush=True)
    return found


def _serve() -> None:
    """One app: does what standard input says and prints how it went."""
    for line in sys.stdin:
        order = json.loads(line)
        act = verbs.KINDS[order["kind"]].verbs[order["verb"]].act
        time.sleep(max(0.0, order["at"] - time.monotonic()))
        try:
            act(order["thing"], order["mark"])
            said = ""
        except FieldmarkError:
            said = "told"
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    _serve()
