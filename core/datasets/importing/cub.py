"""CUB-200-2011 by itself: where it is published, its 200 species, and which of its archive's
entries an import needs.

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

# The first is the publisher's own; the address at vision.caltech.edu that older programs name has
# been dead since 2020.
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
# Unpacked photos take about as much as the archive: a JPEG can't be compressed again.
UNPACKED_SHARE = 1.05
TABLES = frozenset(
    ["images.txt", "image_class_labels.txt", "train_test_split.txt", "bounding_boxes.txt",
     "classes.txt", "README"]
)  # fmt: skip
# Eight species that look nothing like each other, a first dataset that trains in a moment.
EIGHT = (13, 17, 35, 36, 47, 68, 73, 87)


@cache
def species() -> tuple[str, ...]:
    """The 200 species in the order of their numbers, which begin at 1."""
    return tuple(
        Path(__file__)
        .with_suffix("")
        .with_name("cub_species.txt")
        .read_text(encoding="utf-8")
        .split("\n")[:-1]
    )


def downloaded() -> Path | None:
    """The archive that an earlier import downloaded, where it is still there."""
    path = settings.downloads_dir() / PUBLISHED.name
    return path if path.is_file() else None


def archive(given: Path | None, share: float, meter: Meter) -> Path:
    """The archive, checked by its MD5: `given`, or the one kept here, or downloaded.

    `share` of its photos will be unpacked.

    Raises UserError for another file than the published one, for a disk that is too small, and as
    download.fetch does.
    """
    folder = settings.downloads_dir()
    if given is not None:
        files.require_free_space(folder, needed_bytes(share, has_archive=True), "CUB-200-2011")
        meter.start("Checking the archive", "bytes")(0, 0)
        found = download.md5(given, meter.check)
        if found != PUBLISHED.md5:
            raise UserError(
                f"{printable(given.name)} is not the published {PUBLISHED.name}: its MD5 is "
                f"{found}, not {PUBLISHED.md5}. It may be cut "
                "short: download it again. If it is your own cut of the dataset, import it as an "
                "archive or as a folder.",
                field="path",
            )
        return given
    files.require_free_space(
        folder, needed_bytes(share, has_archive=downloaded() is not None), "CUB-200-2011"
    )
    return download.fetch(PUBLISHED, folder, meter.start("Downloading", "bytes"), meter.check)


def needed_bytes(share: float, *, has_archive: bool) -> int:
    """The bytes that an import of this share of the photos takes on the disk."""
    return int(PUBLISHED.size * (UNPACKED_SHARE * share + (0 if has_archive else 1)))


def numbers(labels: Sequence[str]) -> frozenset[int]:
    """The numbers of these species; all for none.

    Raises UserError for one that is not among the 200, and for only one.
    """
    place = {name: number for number, name in enumerate(species(), 1)}
    unknown = [label for label in labels if label not in place]
    if unknown:
        raise UserError(
            f"CUB-200-2011 has no species {printable(unknown[0])!r}. Choose among its 200.",
            field="classes",
        )
    if len(labels) == 1:
        raise UserError("Choose two species or more, or all of them.", field="classes")
    return frozenset(place[label] for label in labels) or frozenset(place.values())


def wanted(chosen: Collection[int]) -> Callable[[str], bool]:
    """Whether an entry of the archive is a table, or a photo of one of these species; what
    describes parts and attributes is not."""

    def keeps(name: str) -> bool:
        parts = name.removesuffix("/").split("/")
        if "images" in parts[:-1]:
            number = parts[parts.index("images") + 1].partition(".")[0]
            return number.isdigit() and int(number) in chosen
        return parts[-1] in TABLES or name.endswith("/")

    return keeps
