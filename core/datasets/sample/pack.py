"""Write the archive in which the built-in sample is shipped.

python -m core.datasets.sample.pack
"""

from __future__ import annotations

import io
import os
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from core.datasets.sample import ARCHIVE, sketchbook

PER_SPECIES = 60
# WebP at this quality keeps the paper's grain in 9 KB a drawing; a JPEG takes three times as much.
QUALITY = 46


def drawing_names() -> list[tuple[str, int]]:
    """Return the species and number of every drawing in the sample."""
    numbers = range(1, PER_SPECIES + 1)
    return [(species, number) for species in sketchbook.SPECIES for number in numbers]


def entry_name(species: str, number: int) -> str:
    """Return a drawing's path in the archive: a folder per species."""
    return f"{species}/{species.replace(' ', '_')}_{number:02d}.webp"


def encode(species: str, number: int) -> bytes:
    """Return one drawing as a WebP file."""
    data = io.BytesIO()
    sketchbook.drawing(species, number).save(data, "WEBP", quality=QUALITY, method=6)
    return data.getvalue()


def write(path: Path = ARCHIVE) -> None:
    """Draw the sample on all processors and write its archive, which takes about a minute."""
    names = drawing_names()
    with ProcessPoolExecutor(os.cpu_count()) as pool, zipfile.ZipFile(path, "w") as archive:
        drawings = pool.map(encode, *zip(*names, strict=True), chunksize=8)
        for (species, number), drawing in zip(names, drawings, strict=True):
            archive.writestr(zipfile.ZipInfo(entry_name(species, number)), drawing)


if __name__ == "__main__":
    write()
