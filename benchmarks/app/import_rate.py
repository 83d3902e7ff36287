"""An import of a folder of many small files, next to a bare loop that reads each file and its size.

The import lists, hashes and fully decodes every file, splits, and writes the manifest; the loop
does none of that, so a ratio below 1 is expected: it compares the import with the disk's speed. All
files are in the page cache for both.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import harness
from benchmarks.app.page_scale import in_home
from benchmarks.harness import Outcome, Row
from core import settings
from core.datasets.importing import run as importing
from core.datasets.importing.origins import ImportSource

FILES, CLASSES, PICTURES = 100_000, 100, 64
SIZE = (80, 60)


def run() -> Outcome:
    """Files a second."""
    folder = harness.workspace() / "small"
    paths = _drawn(folder)
    for path in paths:
        path.stat()
    print(f"  ours: importing {FILES:,} files ...", end="", file=sys.stderr, flush=True)
    home = harness.workspace() / "import-home"
    os.environ[settings.ENV_IMPORT_ROOTS] = str(harness.workspace())
    started = time.perf_counter()
    with in_home(home):
        version = importing.run_import(ImportSource("folder", folder), "Small")
    ours = FILES / (time.perf_counter() - started)
    print(f" {FILES / ours:.1f} s", file=sys.stderr, flush=True)
    if version.images != FILES or version.problems:
        raise harness.BenchmarkError(
            f"{version.images} of {FILES} files were imported, {version.problems} of them with a "
            "problem"
        )
    return Outcome(
        "import_rate",
        "files/s",
        Row(
            "import",
            ours,
            note=f"{version.report['images_per_second']:,.0f} a second while reading",
        ),
        Row("stat and read", _rate(paths, _read)),
        target=None,
        n=FILES,
        more_is_better=True,
        others=(
            Row(
                "stat, read, SHA-256",
                _rate(paths, lambda path: hashlib.sha256(_read(path)).digest()),
            ),
            Row("stat, read, SHA-256, decode (one thread)", _rate(paths, _decoded)),
        ),
    )


def _rate(paths: list[Path], work: Callable[[Path], object]) -> float:
    started = time.perf_counter()
    for path in paths:
        work(path)
    return len(paths) / (time.perf_counter() - started)


def _read(path: Path) -> bytes:
    path.stat()
    return path.read_bytes()


def _decoded(path: Path) -> None:
    data = _read(path)
    hashlib.sha256(data).digest()
    Image.open(io.BytesIO(data)).convert("RGB")


def _drawn(folder: Path) -> list[Path]:
    """Return `<class>/<number>.jpg`: few pictures, each file with a unique comment, so that no two
    are identical."""
    chance = np.random.default_rng(0)
    pictures = []
    for _ in range(PICTURES):
        buffer = io.BytesIO()
        Image.fromarray(chance.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(
            SIZE, Image.Resampling.BICUBIC
        ).save(buffer, "JPEG")
        pictures.append(buffer.getvalue())
    paths = []
    for number in range(FILES):
        path = folder / f"class {number % CLASSES:03d}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = pictures[number % PICTURES]
        path.write_bytes(data[:2] + b"\xff\xfe\x00\x0a" + number.to_bytes(8, "big") + data[2:])
        paths.append(path)
    return paths
