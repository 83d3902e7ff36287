"""One reader of photos: the same way up in every decoder, what only describes left out, and what would take too long refused."""

from __future__ import annotations

import io
import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from core.io import images as core_images
from fieldmark_ml.photos import images, preprocessing, readers
from tests.sm_scripts.test_preprocessing import by_pillow, drawn, encoded, far

XMP = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'>%s</x:xmpmeta>"
XMP_6 = XMP % b'<rdf:Description tiff:Orientation="6"/>'
TYPES = {"B": 1, "H": 3, "I": 4}


def tiff(value: int, order: str = "<", kind: str = "H") -> bytes:
    """An EXIF block that holds nothing but an orientation."""
    mark = b"II" if order == "<" else b"MM"
    field = struct.pack(f"{order}HHI{kind}", 0x0112, TYPES[kind], 1, value)
    return mark + struct.pack(f"{order}HIH", 42, 8, 1) + field.ljust(12, b"\0") + bytes(4)


def exif(*choice: Any) -> bytes:
    return b"Exif\0\0" + tiff(*choice)


def jpeg(*segments: bytes, mode: str = "RGB", before: bytes = b"", **options: Any) -> bytes:
    """A JPEG with these APP1 segments at its beginning, or before the first marker `before`."""
    data = encoded(drawn().convert(mode), "JPEG", quality=95, **options)
    made = b"".join(b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body for body in segments)
    at = data.index(before) if before else 2
    return data[:at] + made + data[at:]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes, last: bool = False, image: Image.Image | None = None) -> bytes:
    data = encoded(image or drawn(), "PNG")
    at = len(data) - 12 if last else 33
    return data[:at] + b"".join(chunks) + data[at:]


def profile(value: int) -> bytes:
    """EXIF as ImageMagick writes it into a PNG."""
    block = exif(value)
    return b"\nexif\n%8d\n%s\n" % (len(block), block.hex().encode())


def mpo(value: int) -> bytes:
    second = drawn().transpose(Image.Transpose.ROTATE_180)
    return encoded(
        drawn(), "MPO", quality=95, save_all=True, append_images=[second], exif=exif(value)
    )


def avif(value: int) -> bytes:
    """Its EXIF says that it lies on its side, and its container how it is really turned."""
    return encoded(drawn(), "AVIF", quality=97, exif=exif(value))


CONTAINERS: dict[str, Callable[[int], bytes]] = {
    "jpeg": lambda value: jpeg(exif(value)),
    "jpeg, MM": lambda value: jpeg(exif(value, ">")),
    "jpeg, LONG": lambda value: jpeg(exif(value, "<", "I")),
    "jpeg, MM LONG": lambda value: jpeg(exif(value, ">", "I")),
    "jpeg, BYTE": lambda value: jpeg(exif(value, ">", "B")),
    "jpeg, XMP first": lambda value: jpeg(XMP % b"", exif(value)),
    "jpeg, another one in XMP": lambda value: jpeg(XMP_6, exif(value)),
    "jpeg, a second EXIF": lambda value: jpeg(exif(value), exif(6)),
    "jpeg, a broken EXIF first": lambda value: jpeg(b"Exif\0\0II*\0\xff\xff", exif(value)),
    "jpeg, after JFIF": lambda value: jpeg(exif(value), before=b"\xff\xdb"),
    "jpeg, right before the scan": lambda value: jpeg(exif(value), before=b"\xff\xda"),
    "jpeg, progressive": lambda value: jpeg(exif(value), progressive=True),
    "jpeg, grey": lambda value: jpeg(exif(value), mode="L"),
    "jpeg, CMYK": lambda value: jpeg(exif(value), mode="CMYK"),
    "MPO": mpo,
    "png, eXIf": lambda value: png(chunk(b"eXIf", tiff(value))),
    "png, eXIf at the end": lambda value: png(chunk(b"eXIf", tiff(value, ">")), last=True),
    "png, text": lambda value: png(chunk(b"tEXt", b"Raw profile type exif\0" + profile(value))),
    "png, packed text": lambda value: png(
        chunk(b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(profile(value)))
    ),
    "webp, lossy": lambda value: encoded(drawn(), "WEBP", quality=95, exif=exif(value)),
    "webp, lossless": lambda value: encoded(drawn(), "WEBP", lossless=True, exif=exif(value, ">")),
    "webp, bare": lambda value: encoded(drawn(), "WEBP", lossless=True, exif=tiff(value)),
    "tiff": lambda value: encoded(drawn(), "TIFF", tiffinfo={274: value}),
    "tiff, packed": lambda value: encoded(
        drawn(), "TIFF", compression="tiff_lzw", tiffinfo={274: value, 700: XMP_6}
    ),
    "avif": avif,
    "webp, moving": lambda value: encoded(
        drawn(),
        "WEBP",
        lossless=True,
        save_all=True,
        append_images=[drawn().rotate(180)],
        exif=exif(value),
    ),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_photo_is_learned_upright(container: str, orientation: int, tmp_path: Path) -> None:
    """As it is shown: import, thumbnail, training and serving turn it alike."""
    data = CONTAINERS[container](orientation)
    plain = by_pillow(CONTAINERS[container](1)).permute(1, 2, 0).numpy()
    expected = preprocessing.from_pillow(images.upright(Image.fromarray(plain), orientation))
    assert torch.equal(by_pillow(data), expected)
    assert far(preprocessing.decode(data), expected) <= 3
    # The picture is brighter and redder to the right and greener to the bottom, each way up.
    right_way = drawn() if orientation == 1 else images.upright(drawn(), orientation)
    if "grey" not in container:
        assert far(expected, preprocessing.from_pillow(right_way)) <= 40
    path = tmp_path / "photo"
    path.write_bytes(data)
    facts = core_images.examine(path)
    assert (facts.width, facts.height) == right_way.size
    with Image.open(core_images.thumbnail(facts.image_id, path)) as small:
        shown = preprocessing.from_pillow(small)
    assert (shown.float() - expected.float()).abs().mean() < 8


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Exif\0\0",
        exif(0),
        exif(9),
        exif(6)[:20],
        XMP_6,
        b"Exif\0\0XX" + tiff(6)[2:],
        b"Exif\0\0II*\0\xff\xff\xff\xff",
    ],
    ids=["none", "empty", "0", "9", "cut short", "XMP only", "no byte order", "beyond the end"],
)
def test_an_orientation_without_a_meaning_turns_nothing(block: bytes) -> None:
    data = jpeg(block) if block else jpeg()
    assert far(preprocessing.decode(data), preprocessing.decode(jpeg())) == 0
    assert torch.equal(by_pillow(data), by_pillow(jpeg()))


def _app(number: int, body: bytes, times: int = 1) -> bytes:
    data = encoded(drawn(), "JPEG", quality=95)
    made = (bytes([0xFF, 0xE0 + number]) + struct.pack(">H", len(body) + 2) + body) * times
    return data[:2] + made + data[2:]


def _comment(body: bytes) -> bytes:
    """A GIF with a comment of many blocks before its frame."""
    data = encoded(drawn(), "GIF")
    at = 13 + (3 << (data[10] & 7) + 1)
    blocks = b"".join(
        bytes([len(part)]) + part for part in (body[i : i + 255] for i in range(0, len(body), 255))
    )
    return data[:at] + b"!\xfe" + blocks + b"\0" + data[at:]


def _texts() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "x" * 1_500_000, zip=True)
    info.add_itxt("XML:com.adobe.xmp", "y" * 1_500_000, zip=True)
    return encoded(drawn(), "PNG", pnginfo=info)


DESCRIBED: dict[str, Callable[[], bytes]] = {
    "png, 1.3 MB of ICC": lambda: encoded(
        drawn(), "PNG", icc_profile=os.urandom(10) + bytes(1_300_000)
    ),
    "png, ICC that expands to 200 MB": lambda: png(
        chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(200_000_000), 9))
    ),
    "png, 3 MB of text": _texts,
    "png, text that expands to 200 MB": lambda: png(
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\n" * 200_000_000, 9))
    ),
    "png, 20 MB of plain text": lambda: png(*[chunk(b"tEXt", b"k\0" + b"x" * 1_000_000)] * 20),
    "png, a checksum that is wrong": lambda: png(chunk(b"tEXt", b"k\0x")[:-4] + b"bad!"),
    "png, broken ICC": lambda: png(chunk(b"iCCP", b"\xff" * 90)),
    "png, broken eXIf": lambda: png(chunk(b"eXIf", b"II*\0" + b"\xff" * 90)),
    "png, a chunk of nobody's": lambda: png(chunk(b"abCd", b"\xff" * 90)),
    "jpeg, 6 MB of XMP": lambda: _app(1, XMP % (b" " * 60_000), 100),
    "jpeg, 6 MB of ICC": lambda: _app(2, b"ICC_PROFILE\0\1\1" + bytes(60_000), 100),
    "jpeg, broken ICC": lambda: _app(2, b"ICC_PROFILE\0"),
    "jpeg, broken index of MPO": lambda: _app(2, b"MPF\0II*\0\xff\xff\xff\xff"),
    "jpeg, broken Photoshop": lambda: _app(13, b"Photoshop 3.0\x008BIM\x04\x04\xff\xff"),
    "jpeg, EXIF that turns in a circle": lambda: _app(1, b"Exif\0\0II*\0\x08\0\0\0\0\0\x08\0\0\0"),
    "jpeg, something behind its end": lambda: jpeg() + b"\xff\xda" * 900 + os.urandom(100_000),
    "gif, a comment of 20 MB": lambda: _comment(b"x" * 20_000_000),
    "webp, 1.3 MB of ICC": lambda: encoded(
        drawn(), "WEBP", lossless=True, icc_profile=bytes(1_300_000)
    ),
    "webp, broken EXIF": lambda: encoded(drawn(), "WEBP", lossless=True, exif=b"\xff" * 90),
}


@pytest.mark.parametrize("name", DESCRIBED)
def test_what_only_describes_a_photo_never_makes_it_unusable(name: str, tmp_path: Path) -> None:
    data = DESCRIBED[name]()
    plain = {"g": lambda: encoded(drawn(), "GIF"), "j": jpeg}.get(name[0], png)()
    start = time.process_time()
    assert torch.equal(by_pillow(data), by_pillow(plain))
    assert far(preprocessing.decode(data), preprocessing.decode(plain)) == 0
    assert time.process_time() - start < 5
    path = tmp_path / "photo"
    path.write_bytes(data)
    facts = core_images.examine(path)
    assert facts.problem == ""
    assert core_images.thumbnail(facts.image_id, path).is_file()


def many_scans(count: int, size: tuple[int, int] = (2000, 2000)) -> bytes:
    """A progressive JPEG of one colour whose last scan stands in it again and again."""
    data = encoded(Image.new("RGB", (16, 16), (90, 120, 30)), "JPEG", progressive=True)
    frame, last = data.index(b"\xff\xc2"), data.rindex(b"\xff\xda")
    header = data[: frame + 5] + struct.pack(">HH", size[1], size[0]) + data[frame + 9 : -2]
    return header + data[last:-2] * (count - data.count(b"\xff\xda")) + data[-2:]


def _hidden_scans() -> bytes:
    """Between the scans stand comments in which an end mark is written."""
    data = many_scans(readers.MAX_SCANS)
    at = data.rindex(b"\xff\xda")
    return data[:at] + (b"\xff\xfe\0\4\xff\xd9" + data[at:-2]) * 20_000 + data[-2:]


def _tiny_segments() -> bytes:
    return b"\xff\xd8" + b"\xff\xfe\0\2" * 2_000_000 + jpeg()[2:]


def _rle(size: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, size, size, 1, 8, 1, 0, 0, 0, 256, 256)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 1078) + header + bytes(1024) + b"\1\1" * 10_000


def _blocks() -> bytes:
    data = encoded(drawn(), "GIF")
    at = 13 + (3 << (data[10] & 7) + 1)
    return data[:at] + b"!\xfe" + b"\1x" * 2_000_000 + b"\0" + data[at:]


SLOW: dict[str, tuple[Callable[[], bytes], str]] = {
    "20,000 scans": (lambda: many_scans(20_000, (6000, 6000)), "scans"),
    "1,500 scans": (lambda: many_scans(1_500), "more than 100 scans"),
    "101 scans": (lambda: many_scans(101, (60, 60)), "more than 100 scans"),
    "90 scans of 49 million pixels": (lambda: many_scans(90, (7000, 7000)), "more than 30 scans"),
    "scans behind comments": (_hidden_scans, "more than 100 scans"),
    "comments between scans": (
        lambda: many_scans(20)[:-2] + b"\xff\xfe\0\2" * 2_000_000 + b"\xff\xd9",
        "segments",
    ),
    "2,000,000 segments": (_tiny_segments, "segments"),
    "2,000,000 chunks": (lambda: png(chunk(b"tEXt", b"") * 2_000_000), "segments"),
    "2,000,000 blocks": (_blocks, "segments"),
    "junk in a GIF": (
        lambda: encoded(drawn(), "GIF")[:781] + b"x" * 60_000_000,
        "not a photo|cut short",
    ),
    "run lengths": (lambda: _rle(7000), "compressed BMP"),
    "a canvas of WebP": (
        lambda: b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\x2f\x2f\0" * 2 + bytes(90),
        "million pixels",
    ),
}


@pytest.mark.parametrize("name", SLOW)
def test_what_would_hold_a_decoder_is_refused_before_it_begins(name: str, tmp_path: Path) -> None:
    make, words = SLOW[name]
    data = make()
    start = time.process_time()
    with pytest.raises(images.BadImage, match=words):
        preprocessing.decode(data)
    with pytest.raises(images.BadImage, match=words):
        images.open_image(data)
    path = tmp_path / "photo"
    path.write_bytes(data)
    assert core_images.examine(path).problem
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    ("count", "size"), [(100, (60, 60)), (100, (3800, 3900)), (30, (7000, 7000))]
)
def test_a_photo_at_the_bound_of_scans_is_decoded(count: int, size: tuple[int, int]) -> None:
    start = time.process_time()
    assert preprocessing.decode(many_scans(count, size)).shape == (3, size[1], size[0])
    assert time.process_time() - start < 10


def test_scans_are_counted_where_a_decoder_reads_them() -> None:
    """The one scan of a plain photo is all that is read of it; a film behind it may hold any bytes."""
    film = os.urandom(3000) + b"\xff\xda\0\x08" * 500
    assert images.read(jpeg()[:-2] + film).is_plain_jpeg
    assert images.read(jpeg() + film).is_plain_jpeg
    progressive = encoded(drawn(), "JPEG", progressive=True)
    assert images.read(progressive + film).is_plain_jpeg


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA", "I;16"])
def test_a_photo_converted_in_strips_is_the_same(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = drawn((300, 201)).convert("L" if mode == "I;16" else "RGBA")
    if mode == "I;16":
        made = Image.fromarray((np.asarray(made).astype(np.uint16) << 8) + 77)
    else:
        made.putalpha(drawn((300, 201)).convert("L"))
        made = made.quantize(40) if mode in ("P", "PA") else made.convert(mode)
    data = encoded(made, "PNG")
    whole = by_pillow(data)
    monkeypatch.setattr(images, "PIXELS_AT_ONCE", 1000)
    assert torch.equal(by_pillow(data), whole)


def test_io_of_a_path_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(exif(6)))
    assert (
        images.open_image(tmp_path / "a.jpg").tobytes()
        == images.open_image(io.BytesIO(jpeg(exif(6))).getvalue()).tobytes()
    )
