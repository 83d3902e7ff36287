"""CUB-200-2011: where it is published, its 200 species, and the archive entries that an import
needs.

Wah, Branson, Welinder, Perona, Belongie: The Caltech-UCSD Birds-200-2011 Dataset, CNS-TR-2011-001.
For research and education.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache
from pathlib import Path

from core import settings
from core.datasets.progress import Meter
from core.errors import UserError
from core.io import download, files
from core.io.download import Published
from core.io.names import printable

# The first is the publisher's own. The older address at vision.caltech.edu stopped working in 2020.
PUBLISHED = Published(
    name="CUB_200_2011.tgz",
    addresses=(
        "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
        "https://s3.amazonaws.com/fast-ai-imageclas/CUB_200_2011.tgz",
    ),
    md5="97eceeb196236b17998738112f37df78",
    size=1_150_585_339,
)
PHOTOS = 11_788
# JPEGs are compressed already, so the unpacked photos are about as large as the archive.
UNPACKED_SHARE = 1.05
TABLES = frozenset(
    ["images.txt", "image_class_labels.txt", "train_test_split.txt", "bounding_boxes.txt",
     "classes.txt", "README"]
)  # fmt: skip
# Eight species that look very different: a first dataset that trains quickly.
EIGHT = (13, 17, 35, 36, 47, 68, 73, 87)


@cache
def species() -> tuple[str, ...]:
    """Return the 200 species in the order of their numbers, which start at 1."""
    return tuple(
        Path(__file__)
        .with_suffix("")
        .with_name("cub_species.txt")
        .read_text(encoding="utf-8")
        .split("\n")[:-1]
    )


def downloaded() -> Path | None:
    """Return the archive that an earlier import downloaded, if it still exists."""
    path = settings.downloads_dir() / PUBLISHED.name
    return path if path.is_file() else None


def fetch_archive(path: Path | None, share: float, meter: Meter) -> Path:
    """Return the archive, checked by its MD5: `path`, or the one downloaded before, or a new
    download. `share` (0 to 1) of its photos will be unpacked.

    Raises UserError for a file other than the published one, for a disk that is too small, and as
    download.fetch does.
    """
    folder = settings.downloads_dir()
    if path is not None:
        files.require_free_space(folder, needed_bytes(share, has_archive=True), "CUB-200-2011")
        meter.start("Checking the archive", "bytes")(0, 0)
        md5 = download.md5(path, meter.check)
        if md5 != PUBLISHED.md5:
            raise UserError(
                f"{printable(path.name)} is not the published {PUBLISHED.name}: its MD5 is "
                f"{md5}, not {PUBLISHED.md5}. It may be incomplete: "
                "download it again. If it is your own subset, import it as an archive or a folder.",
                field="path",
            )
        return path
    files.require_free_space(
        folder, needed_bytes(share, has_archive=downloaded() is not None), "CUB-200-2011"
    )
    return download.fetch(PUBLISHED, folder, meter.start("Downloading", "bytes"), meter.check)


def needed_bytes(share: float, *, has_archive: bool) -> int:
    """Return the disk space in bytes that importing this share of the photos needs."""
    return int(PUBLISHED.size * (UNPACKED_SHARE * share + (0 if has_archive else 1)))


def species_numbers(labels: Sequence[str]) -> frozenset[int]:
    """Return the numbers of these species, or all if `labels` is empty.

    Raises UserError for an unknown species, and for fewer than two.
    """
    place = {name: number for number, name in enumerate(species(), 1)}
    unknown = [label for label in labels if label not in place]
    if unknown:
        raise UserError(
            f"CUB-200-2011 has no species {printable(unknown[0])!r}. Choose from its 200 species.",
            field="classes",
        )
    if len(labels) == 1:
        raise UserError("Choose at least two species, or all of them.", field="classes")
    return frozenset(place[label] for label in labels) or frozenset(place.values())


def entry_filter(chosen: Collection[int]) -> Callable[[str], bool]:
    """Return a function that accepts archive entries: the tables, and the photos of these species;
    not the files about parts and attributes."""

    def keeps(name: str) -> bool:
        parts = name.removesuffix("/").split("/")
        if "images" in parts[:-1]:
            number = parts[parts.index("images") + 1].partition(".")[0]
            return number.isdigit() and int(number) in chosen
        return parts[-1] in TABLES or name.endswith("/")

    return keeps
