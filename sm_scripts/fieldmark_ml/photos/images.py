"""The one way a photo is opened, in thumbnails, in training and in serving. Needs Pillow only.

`read` looks at a file's bytes before any decoder does. It finds which way up the photo is, leaves
out what only describes it, and refuses what would take a decoder too long. Decoders get what it
returns and turn nothing themselves, so that all of them show a photo the same way up.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from PIL import Image

# Named, because Pillow would otherwise try 43 formats, EPS (which starts Ghostscript) among them.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
MAX_PIXELS = 50_000_000
# A progressive JPEG costs a decoder 3 ns for each pixel and scan, however few bytes the scan has.
# Cameras and encoders write 1 to 20 scans.
MAX_SCANS = 100
MAX_SCANNED_PIXELS = 1_500_000_000
# Segments, chunks and blocks are walked in Python; files of 64 MB have some thousand.
MAX_PARTS = 100_000
# Pillow decodes run-length BMPs in Python.
MAX_RLE = 10_000_000
# Larger than any EXIF that a JPEG can hold, as hexadecimal digits.
MAX_PROFILE = 262_144
PIXELS_AT_ONCE = 2**20

# MAX_PIXELS is stricter than Pillow's own warning, which would only add noise to a log.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class BadImage(ValueError):
    """Bytes that are not a photo we open; the message says why."""


class Photo(NamedTuple):
    """A file's bytes as decoders get them, its EXIF orientation (1 to 8), and whether it is an
    8-bit JPEG of one or three components."""

    data: bytes
    orientation: int = 1
    is_plain_jpeg: bool = False


def open_image(source: str | Path | bytes) -> Image.Image:
    """Return the photo in `source` (a path, or bytes): RGB, upright, first frame, fully loaded.

    Transparent pixels come out on white, 16-bit values are scaled to 8, CMYK is converted. Raises
    BadImage for anything that is not a whole image in one of FORMATS with at most MAX_PIXELS
    pixels (checked before decoding), OSError for a missing file.
    """
    if not isinstance(source, bytes):
        source = Path(source).read_bytes()
    photo = read(source)
    image = opened(photo)
    try:
        image.load()
        return upright(_rgb(image), photo.orientation)
    except MemoryError:
        raise
    except Exception as error:
        raise BadImage(f"damaged or cut short ({error})") from None


def read(data: bytes) -> Photo:
    """Return what decoders need of a file. BadImage if no decoder should begin with it."""
    if not data:
        raise BadImage("the file is empty")
    for begins, reader in _READERS:
        if re.match(begins, data, re.DOTALL):
            try:
                return reader(data)
            except (struct.error, IndexError):
                raise BadImage("damaged or cut short (inside a header)") from None
    return Photo(data)


def opened(photo: Photo) -> Image.Image:
    """Return the image, not decoded and not turned yet. Raises BadImage."""
    try:
        image = Image.open(io.BytesIO(photo.data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise BadImage(f"more than {MAX_PIXELS // 1_000_000} million pixels") from None
    except Exception:
        raise BadImage(_foreign(photo.data)) from None
    check_size(image.width, image.height)
    return image


def check_size(width: int, height: int) -> None:
    """Raise BadImage if width x height is more than MAX_PIXELS, or nothing."""
    if width < 1 or height < 1:
        raise BadImage("the image has no pixels")
    if width * height > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise BadImage(f"{width} x {height} is more than {limit} million pixels")


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the image turned and mirrored as its EXIF orientation asks."""
    if orientation not in _TURNS:
        return image
    return image.transpose(_TURNS[orientation])


def strips(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Return the boxes of an image's strips, each with about PIXELS_AT_ONCE pixels."""
    rows = max(1, PIXELS_AT_ONCE // width)
    return [(0, top, width, min(height, top + rows)) for top in range(0, height, rows)]


def _rgb(image: Image.Image) -> Image.Image:
    has_alpha = image.mode in ("LA", "PA", "La", "RGBa", "RGBA") or "transparency" in image.info
    if not has_alpha and not image.mode.startswith("I"):
        return image.convert("RGB")
    # In strips: the copies that the conversion needs would take a gigabyte for a large photo.
    convert = _on_white if has_alpha and not image.mode.startswith("I") else _scaled
    made = Image.new("RGB", image.size)
    for box in strips(*image.size):
        made.paste(convert(image.crop(box)), box[:2])
    return made


def _scaled(image: Image.Image) -> Image.Image:
    # convert() would clip 16-bit values at 255 instead of scaling them.
    return image.convert("I").point(lambda value: value * (1 / 256)).convert("L").convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, rgba).convert("RGB")


def _foreign(data: bytes) -> str:
    kinds = {
        rb"....ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)": "HEIC",
        rb"....ftypavi[fs]": "AVIF",
        rb"II\*\0|MM\0\*|II\+\0|MM\0\+": "TIFF",
        rb"8BPS": "PSD",
        rb"%PDF": "PDF",
    }
    named = next((n for begins, n in kinds.items() if re.match(begins, data, re.DOTALL)), "")
    if named:
        return f"a {named} file, which can't be opened here; save it as JPEG or PNG"
    return f"not an image in a format we open ({', '.join(FORMATS)})"


def _count(parts: int) -> int:
    if parts >= MAX_PARTS:
        raise BadImage(f"more than {MAX_PARTS:,} segments, where photos have a few")
    return parts + 1


# A marker of a JPEG; inside a scan FF 00 is a value, and D0 to D7 only restart the decoder.
_MARKER = re.compile(rb"\xff([^\x00\xff])")
_MARKER_IN_SCAN = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_SOS, _EOI, _COM = 0xDA, 0xD9, 0xFE
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
# APP0 and APP14 say how colours are stored; the others, and comments, only describe.
_DESCRIBING = {*range(0xE1, 0xF0), _COM} - {0xEE}


def _jpeg(data: bytes) -> Photo:
    view = memoryview(data)
    kept, orientation, frame, at, parts = [view[:2]], 0, (0, 0, 0, 0, 0), 2, 0
    while match := _MARKER.search(data, at):
        parts = _count(parts)
        code, start, at = match[1][0], match.start(), match.end()
        if code in _WITHOUT_LENGTH:
            continue
        at += _length(data, at)
        if code in (_SOS, _EOI) or at > len(data):
            kept.append(view[start:])
            break
        if code == 0xE1 and data[start + 4 : start + 9] == b"Exif\0":
            orientation = orientation or _orientation(data[start + 10 : at])
        if code in _FRAMES and not frame[0]:
            frame = (code, *struct.unpack_from(">BHHB", data, start + 4))
        if code not in _DESCRIBING:
            kept.append(view[start:at])
    code, precision, height, width, components = frame
    if code and height:
        check_size(width, height)
    if match and data[match.end() - 1] == _SOS:
        _check_scans(data, match.start(), frame)
    is_plain = code in (0xC0, 0xC1, 0xC2) and precision == 8 and components in (1, 3)
    return Photo(b"".join(kept), orientation or 1, is_plain)


def _length(data: bytes, at: int) -> int:
    return max(2, struct.unpack_from(">H", data, at)[0])


def _check_scans(data: bytes, at: int, frame: tuple[int, ...]) -> None:
    """Raise BadImage for a JPEG whose pixels a decoder would go over too often."""
    code, _, height, width, components = frame
    if code not in _PROGRESSIVE and data[at + 4] >= components:
        return  # all is in the first scan, and nothing behind it is read
    limit = min(MAX_SCANS, MAX_SCANNED_PIXELS // max(1, width * height))
    scans = parts = 0
    while match := _MARKER_IN_SCAN.search(data, at):
        parts = _count(parts)
        code, at = match[1][0], match.end()
        if code == _EOI:
            return
        scans += code == _SOS
        if scans > limit:
            raise BadImage(f"a JPEG of more than {limit} scans; at most {limit} can be used")
        if code >= 0xC0 and at + 2 <= len(data):
            at += _length(data, at)


_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}


def _orientation(tiff: bytes) -> int:
    """Return the orientation in an EXIF block, 0 if there is none that has a meaning."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if not order:
        return 0
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
            if tag == 0x0112 and kind in _INTEGERS:
                (value,) = struct.unpack_from(order + _INTEGERS[kind], tiff, entry + 8)
                return value if 1 <= value <= 8 else 0
    except struct.error:
        # Broken EXIF does not make a broken photo.
        return 0
    return 0


def _without_header(exif: bytes) -> bytes:
    if exif[:5] == b"Exif\0":
        return exif[6:]
    return exif


def _png(data: bytes) -> Photo:
    view = memoryview(data)
    kept, orientation, profile, at, parts = [view[:8]], 0, 0, 8, 0
    while at + 12 <= len(data):
        parts = _count(parts)
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        if kind == b"eXIf":
            orientation = orientation or _orientation(_without_header(data[at + 8 : end - 4]))
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            text = data[at + 8 : min(end - 4, at + 8 + MAX_PROFILE)]
            profile = profile or _orientation_in_text(kind, text)
        # A small first letter marks what a decoder may leave out; of those only tRNS is seen.
        if kind == b"tRNS" or not kind[0] & 0x20:
            kept.append(view[at:end])
        at = end
        if kind == b"IEND":
            break
    kept.append(view[at:])
    return Photo(b"".join(kept), orientation or profile or 1)


def _orientation_in_text(kind: bytes, text: bytes) -> int:
    """Return the orientation in a text chunk as ImageMagick writes EXIF, 0 if it is another."""
    keyword, _, rest = text.partition(b"\0")
    if keyword not in (b"Raw profile type exif", b"Raw profile type APP1"):
        return 0
    if kind == b"iTXt":
        is_packed, rest = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    else:
        is_packed, rest = kind == b"zTXt", rest[kind == b"zTXt" :]
    try:
        plain = zlib.decompressobj().decompress(rest, MAX_PROFILE) if is_packed else rest
        digits = b"".join(plain.split(b"\n", 3)[3:]).translate(None, b"\n\r ")
        exif = bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
        return _orientation(_without_header(exif))
    except (zlib.error, ValueError):
        return 0


def _webp(data: bytes) -> Photo:
    at, parts, orientation = 12, 0, 0
    check_size(*_webp_size(data))
    while at + 8 <= len(data):
        parts = _count(parts)
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            exif = _without_header(data[at + 8 : at + 8 + length])
            orientation = orientation or _orientation(exif)
        at += 8 + length + length % 2
    return Photo(data, orientation or 1)


def _webp_size(data: bytes) -> tuple[int, int]:
    """Return the canvas; Pillow makes room for it twice before it says how large it is."""
    if data[12:16] == b"VP8X":
        low, middle, high = struct.unpack_from("<HHH", data, 24)
        return low + ((middle & 0xFF) << 16) + 1, (middle >> 8) + (high << 8) + 1
    if data[12:16] == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


_GIF_BLOCK = re.compile(rb"[!,;]")


def _gif(data: bytes) -> Photo:
    """Leave out all before the first frame but its palette and its transparency."""
    begin = at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    control, parts = b"", 0
    while (match := _GIF_BLOCK.search(data, at)) and match[0] == b"!":
        start, at = match.start(), match.start() + 2
        while data[at]:
            parts = _count(parts)
            at += data[at] + 1
        at += 1
        if data[start + 1] == 0xF9:
            control = data[start:at]
    if not match:
        raise BadImage("damaged or cut short (no frame)")
    return Photo(data[:begin] + control + data[match.start() :])


def _bmp(data: bytes) -> Photo:
    if len(data) >= 34 and struct.unpack_from("<I", data, 14)[0] >= 40:
        width, height, _, _, compression = struct.unpack_from("<iiHHI", data, 18)
        if compression in (1, 2) and max(abs(width * height), len(data)) > MAX_RLE:
            raise BadImage(f"a compressed BMP of more than {MAX_RLE // 1_000_000} million pixels")
    return Photo(data)


_READERS: tuple[tuple[bytes, Callable[[bytes], Photo]], ...] = (
    (rb"\xff\xd8\xff", _jpeg),
    (rb"\x89PNG\r\n\x1a\n", _png),
    (rb"RIFF....WEBP", _webp),
    (rb"GIF8[79]a", _gif),
    (rb"BM", _bmp),
)
