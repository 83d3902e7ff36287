"""Formats that people bring: what is read, how large it may be, and the words for what is not."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core import settings
from core.io import images as core_images
from fieldmark_ml.photos import bounds, boxes, heifs, images, preprocessing
from tests.sm_scripts.test_images import exif
from tests.sm_scripts.test_preprocessing import by_pillow, drawn, encoded, far


def heic(image: Image.Image, **options: object) -> bytes:
    writer = pytest.importorskip("pillow_heif")
    made = io.BytesIO()
    writer.from_pillow(image).save(made, quality=95, **options)
    return made.getvalue()


def deep(image: Image.Image, kind: str) -> bytes:
    values = np.asarray(image.convert("L")).astype(np.uint16) * 257
    return encoded(Image.fromarray(values), kind)


READ: dict[str, Callable[[], bytes]] = {
    "tiff": lambda: encoded(drawn(), "TIFF"),
    "tiff, LZW": lambda: encoded(drawn(), "TIFF", compression="tiff_lzw"),
    "tiff, deflate": lambda: encoded(drawn(), "TIFF", compression="tiff_adobe_deflate"),
    "tiff, JPEG": lambda: encoded(drawn(), "TIFF", compression="jpeg", quality=95),
    "tiff, CMYK": lambda: encoded(drawn().convert("CMYK"), "TIFF"),
    "tiff, alpha": lambda: encoded(drawn().convert("RGBA"), "TIFF"),
    "tiff, two pages": lambda: encoded(
        drawn(), "TIFF", save_all=True, append_images=[drawn().rotate(180)]
    ),
    "avif": lambda: encoded(drawn(), "AVIF", quality=97),
    "heic": lambda: heic(drawn()),
    "jpeg without its end": lambda: encoded(drawn(), "JPEG", quality=95)[:-2],
    "jpeg without half its end": lambda: encoded(drawn(), "JPEG", quality=95)[:-1],
    "progressive without its end": lambda: encoded(drawn(), "JPEG", quality=95, progressive=True)[
        :-2
    ],
    "cmyk without its end": lambda: encoded(drawn().convert("CMYK"), "JPEG", quality=95)[:-2],
}


@pytest.mark.parametrize("name", READ)
def test_a_photo_is_the_same_in_import_and_training(name: str, tmp_path: Path) -> None:
    data = READ[name]()
    seen = preprocessing.decode(data)
    assert far(seen, by_pillow(data)) <= 3
    assert far(seen, preprocessing.from_pillow(drawn())) <= 40
    path = tmp_path / "photo"
    path.write_bytes(data)
    facts = core_images.examine(path)
    assert (facts.problem, facts.width, facts.height) == ("", *drawn().size)
    assert core_images.thumbnail(facts.image_id, path).is_file()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_and_not_clipped(kind: str) -> None:
    expected = by_pillow(encoded(drawn().convert("L"), "PNG"))
    assert far(preprocessing.decode(deep(drawn(), kind)), expected) <= 1


@pytest.mark.parametrize("is_progressive", [False, True])
def test_a_jpeg_whose_last_lines_are_missing_is_cut_short(is_progressive: bool) -> None:
    data = encoded(drawn(), "JPEG", quality=95, progressive=is_progressive)
    for left_out in [*range(3, 40), 100, len(data) // 2, len(data) // 3]:
        with pytest.raises(images.BadImage, match="cut short"):
            preprocessing.decode(data[:-left_out])


def test_a_heic_is_turned_by_its_container_alone() -> None:
    turned = preprocessing.decode(heic(drawn(), exif=exif(6)))
    assert far(turned, preprocessing.from_pillow(images.upright(drawn(), 6))) <= 40
    assert turned.shape[1:] == drawn().size


def test_where_pillow_heif_is_missing_a_heic_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(heifs, "import_module", missing)
    with pytest.raises(images.BadImage, match=r"a HEIC photo.*pillow-heif.*JPEG"):
        preprocessing.decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))
    with pytest.raises(images.BadImage, match=r"an AVIF photo.*Pillow"):
        preprocessing.decode(encoded(drawn(), "AVIF"))


def test_a_photo_in_another_format_does_not_import_pillow_heif() -> None:
    code = "import sys; from fieldmark_ml.photos import images, walk; print('pillow_heif' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.SM_SCRIPTS, capture_output=True, text=True
    )
    assert run.stdout.strip() == "False", run.stderr


def raw(tag: int, value: int) -> bytes:
    """A TIFF whose first page a tag marks as a camera's preview."""
    data = encoded(drawn(), "TIFF", tiffinfo={tag: value})
    assert images.Image.open(io.BytesIO(data)).tag_v2[tag]
    return data


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "CR2": (lambda: b"II*\0\x10\0\0\0CR\2\0" + bytes(200), "RAW"),
    "NEF": (lambda: raw(254, 1), "RAW"),
    "CR3": (lambda: b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(90), "RAW"),
    "RAF": (lambda: b"FUJIFILMCCD-RAW 0201" + bytes(90), "RAW"),
    "RW2": (lambda: b"IIU\0" + bytes(90), "RAW"),
    "PSD": (lambda: b"8BPS" + bytes(90), "Photoshop"),
    "JPEG XL": (lambda: b"\xff\x0a" + bytes(90), "JPEG XL"),
    "film": (lambda: b"\0\0\0\x14ftypisom\0\0\2\0mp41" + bytes(90), "film"),
    "TIFF of measures": (
        lambda: encoded(Image.new("F", (9, 9)), "TIFF"),
        "32 bits.*measurements",
    ),
    "TIFF head": (lambda: b"II*\0\x08\0\0\0" + bytes(200), "no pixels"),
    "TIFF that ends": (lambda: encoded(drawn(), "TIFF")[:9], "cut short"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_named(name: str) -> None:
    make, words = REFUSED[name]
    for decode in (preprocessing.decode, images.open_image):
        with pytest.raises(images.BadImage, match=words):
            decode(make())


def directory(*fields: tuple[int, int, int, int]) -> bytes:
    entries = b"".join(struct.pack("<HHII", *field) for field in sorted(fields))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(fields)) + entries + bytes(4)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([(256, 4, 1, 60_000), (257, 4, 1, 60_000)], "million pixels"),
        ([(256, 4, 1, 9), (257, 4, 1, 9), (273, 4, 90_000, 8)], "strips or tiles"),
        (
            [(256, 4, 1, 9), (257, 4, 1, 9), (322, 4, 1, 65_520), (323, 4, 1, 65_520)]
            + [(324, 4, 1, 8)],
            "million pixels",
        ),
        ([(256, 4, 1, 9), (257, 4, 1, 9), (320, 3, 2**31, 8)], "strips or tiles"),
    ],
    ids=["pixels", "strips", "a tile", "a table"],
)
def test_a_tiff_that_would_hold_a_decoder_is_refused(
    fields: list[tuple[int, int, int, int]], words: str
) -> None:
    with pytest.raises(images.BadImage, match=words):
        images.open_image(directory(*fields) + bytes(90))


def test_broken_bytes_of_any_format_are_refused_in_words() -> None:
    chance = random.Random(5)
    for kind in ("JPEG", "TIFF", "AVIF", "WEBP", "PNG", "GIF", "BMP"):
        whole = encoded(drawn(), kind)
        for _ in range(60):
            data = bytearray(whole)
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            try:
                preprocessing.decode(bytes(data[: chance.randrange(1, len(data) + 1)]))
            except images.BadImage:
                continue


LARGE = (9504, 6336)


@pytest.mark.parametrize(("kind", "most"), [("JPEG", 150), ("PNG", 560), ("TIFF", 700)])
def test_61_megapixels_are_read_in_bounded_memory(kind: str, most: int, tmp_path: Path) -> None:
    """The photo's own size is what is recorded, and what is held is a quarter of it."""
    path = tmp_path / "photo"
    Image.new("RGB", LARGE, (200, 30, 40)).save(path, kind, compression="tiff_lzw", exif=exif(6))
    code = (
        "import resource, sys; from pathlib import Path; from core.io import images\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak(); facts = images.examine(Path(sys.argv[1]))\n"
        "print(facts.width, facts.height, facts.problem, (peak() - before) // 1024)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, path], cwd=settings.PROJECT, capture_output=True, text=True
    )
    width, height, grown = run.stdout.split()
    assert (int(width), int(height)) == LARGE[::-1]
    if sys.platform != "darwin":
        assert int(grown) < most
    seen, by = preprocessing.decode_sized(path.read_bytes())
    assert (by, seen.shape) == (2, (3, LARGE[0] // 2, LARGE[1] // 2))
    assert far(seen[:, 9, 9], torch.tensor([200, 30, 40])) <= 2


def test_a_box_of_a_reduced_photo_is_where_it_was() -> None:
    image = torch.arange(3 * 40 * 60).view(3, 40, 60)
    assert torch.equal(boxes.crop(image, (20, 8, 61, 40), 2), image[:, 4:20, 10:31])


@pytest.mark.parametrize(
    ("size", "by"),
    [((7071, 7071), 1), ((9504, 6336), 2), ((16320, 12240), 2), ((65_000, 3_800), 4)],
)
def test_how_far_a_photo_is_reduced(size: tuple[int, int], by: int) -> None:
    assert bounds.factor(*size) == by


def test_alpha_and_depth_survive_reduction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "WHOLE_PIXELS", 2000)
    monkeypatch.setattr(images, "PIXELS_AT_ONCE", 700)
    made = drawn().convert("RGBA")
    made.putalpha(drawn().convert("L"))
    for data in (encoded(made, "PNG"), deep(drawn(), "PNG"), encoded(drawn().quantize(9), "GIF")):
        small, (width, height) = images.open_sized(data)
        assert small.size == (-(-width // 2), -(-height // 2))
        monkeypatch.setattr(bounds, "WHOLE_PIXELS", 10**9)
        whole = images.open_image(data).reduce(2)
        monkeypatch.setattr(bounds, "WHOLE_PIXELS", 2000)
        assert far(preprocessing.from_pillow(small), preprocessing.from_pillow(whole)) <= 3


def test_the_package_for_heic_is_what_the_requirements_say() -> None:
    pytest.importorskip("pillow_heif")
    assert import_module("pillow_heif").libheif_info()["HEIF"] is not None
