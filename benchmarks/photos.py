"""The photos of the benchmarks: the folder in FIELDMARK_BIRDS, or the drawn sketchbook if it is not
set."""

from __future__ import annotations

import functools
import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import harness
from core import settings
from core.datasets import manifest, store
from core.datasets.importing import run as importing
from core.datasets.importing.origins import ImportSource

ENV_BIRDS = "FIELDMARK_BIRDS"
OFFICIAL = {"kind": "official", "validation_share": 0.15, "seed": settings.DEFAULT_SEED}
BY_RATIOS = {"kind": "stratified", "ratios": settings.DEFAULT_RATIOS, "seed": settings.DEFAULT_SEED}


@dataclass(frozen=True)
class Photos:
    """An imported dataset as a training job sees it.

    `import_seconds` is the duration of the import.
    """

    name: str
    root: Path
    manifest: Path
    version: store.Version
    import_seconds: float


@functools.cache
def photos() -> Photos:
    """Import the photos into a home of this process and write the manifest that Fieldmark and the
    peers read. The official split is used if there is one, with a share of its training photos as
    validation; the drawn sketchbook is split by ratios."""
    os.environ[settings.ENV_HOME] = str(harness.workspace() / "home")
    given = os.environ.get(ENV_BIRDS)
    source = ImportSource("folder", Path(given).resolve()) if given else ImportSource("sample")
    if given:
        os.environ[settings.ENV_IMPORT_ROOTS] = given
    start = time.perf_counter()
    version = importing.run_import(
        source, "benchmark", progress=lambda _: None, should_stop=lambda: False
    )
    seconds = time.perf_counter() - start
    version = store.derive(version, OFFICIAL if _has_official_split(version) else BY_RATIOS)
    path = harness.workspace() / "manifest" / "manifest.csv"
    path.parent.mkdir()
    manifest.write_csv(store.manifest_of(version), path)
    root = store.dataset(version.dataset_id).root
    return Photos(given or "the drawn sketchbook", root, path, version, seconds)


def _has_official_split(version: store.Version) -> bool:
    given = store.manifest_of(version, columns=["official"])["official"]
    return {"train", "test"} <= set(given)
