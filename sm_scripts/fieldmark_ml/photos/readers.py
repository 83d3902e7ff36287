"""Input for decoders of JPEG, PNG, WebP, GIF and BMP: without metadata, and refused if decoding
would take too long."""

from __future__ import annotations

import io
import random
import re
import struct
import zlib

from PIL import Image, ImageChops, JpegImagePlugin

from . import exif
from .bounds import (
    MAX_RLE,
    MAX_SCANNED_PIXELS,
    MAX_SCANS,
    BadImage,
    Photo,
    check_buffered,
    check_decoding,
    count,
    factor,
)

# Larger than any EXIF that a JPEG can hold, as hexadecimal digits.
MAX_PROFILE = 262_144

# A marker of a JPEG; inside a scan FF 00 is a value, and D0 to D7 only restart the decoder.
_MARKER = re.compile(rb"\xff([^\x00\xff])")
_MARKER_IN_SCAN = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_END = b"\xff\xd9"
# Any bytes without FF that do not decode to a single colour.
_NOISE = random.Random(0).randbytes(4096).replace(b"\xff", b"")
_SOS, _EOI, _COM = 0xDA, 0xD9, 0xFE
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
# APP0 and APP14 say how colours are stored; the others, and comments, are metadata.
_DESCRIBING = {*range(0xE1, 0xF0), _COM} - {0xEE}


def jpeg(data: bytes) -> Photo:
    """Remove metadata, and refuse a JPEG of too many scans."""
    view = memoryview(data)
    kept, orientation, frame, at, parts = [view[:2]], 0, (0, 0, 0, 0, 0), 2, 0
    while match := _MARKER.search(data, at):
        parts = count(parts)
        code, start, at = match[1][0], match.start(), match.end()
        if code in _WITHOUT_LENGTH:
            continue
        at += _length(data, at)
        if code in (_SOS, _EOI) or at > len(data):
            kept.append(view[start:])
            break
        if code == 0xE1 and data[start + 4 : start + 9] == b"Exif\0":
            orientation = orientation or exif.orientation(data[start + 10 : at])
        if code in _FRAMES and not frame[0]:
            frame = (code, *struct.unpack_from(">BHHB", data, start + 4))
        if code not in _DESCRIBING:
            kept.append(view[start:at])
    code, precision, height, width, components = frame
    if code and height:
        check_decoding("JPEG", width, height)
    if match and data[match.end() - 1] == _SOS:
        _check_scans(data, match.start(), frame)
    whole = b"".join(kept)
    if match and _END not in data[-2:] and data.rfind(_END, match.start()) < 0:
        whole = _ended(whole, code in _PROGRESSIVE)
    is_plain = code in (0xC0, 0xC1, 0xC2) and precision == 8 and components in (1, 3)
    return Photo(whole, orientation or 1, is_plain, "JPEG", width, height)


def _ended(data: bytes, is_progressive: bool) -> bytes:
    """Return a JPEG with an end mark added. Raises BadImage if lines are missing, too.

    A decoder fills missing lines with grey without an error. So the file is decoded twice, with
    different bytes appended: the results differ in every line that is missing.
    """
    whole = data.removesuffix(b"\xff")
    try:
        lines = [_lines(whole + more + _END) for more in (b"", _NOISE)]
    except Exception:
        # The decoder itself reports the error, or can decode it.
        return data
    if is_progressive and not _is_fine(data):
        raise BadImage("damaged or cut short (its last scans are missing)")
    if ImageChops.difference(*lines).getbbox():
        raise BadImage("damaged or cut short (its last lines are missing)")
    return whole + _END


def _is_fine(data: bytes) -> bool:
    """Return whether the scans of a progressive JPEG are complete to the last bit of every
    coefficient."""
    missing: dict[int, set[int]] = {}
    for scan in re.finditer(rb"\xff\xda\0.([\1-\4])", data, re.DOTALL):
        ends = scan.end() + 2 * scan[1][0]
        first, last, bits = struct.unpack_from("BBB", data, ends)
        for component in data[scan.end() : ends : 2]:
            left = missing.setdefault(component, set(range(64)))
            if not bits & 0xF:
                left -= set(range(first, last + 1))
    return not any(missing.values())


def _lines(data: bytes) -> Image.Image:
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    by = factor(*image.size)
    image.draft(None, (image.width // by, image.height // by))
    image.load()
    return image


def _length(data: bytes, at: int) -> int:
    return max(2, struct.unpack_from(">H", data, at)[0])


def _check_scans(data: bytes, at: int, frame: tuple[int, ...]) -> None:
    """Raise BadImage for a JPEG with more scans than a decoder should process."""
    code, _, height, width, components = frame
    if code not in _PROGRESSIVE and data[at + 4] >= components:
        return  # the first scan has everything, and nothing after it is read
    check_buffered(width, height, components)
    limit = min(MAX_SCANS, MAX_SCANNED_PIXELS // max(1, width * height))
    scans = parts = 0
    while match := _MARKER_IN_SCAN.search(data, at):
        parts = count(parts)
        code, at = match[1][0], match.end()
        if code == _EOI:
            return
        scans += code == _SOS
        if scans > limit:
            raise BadImage(f"a JPEG of more than {limit} scans; at most {limit} can be used")
        if code >= 0xC0 and at + 2 <= len(data):
            at += _length(data, at)


def png(data: bytes) -> Photo:
    """Remove metadata chunks and the chunks of further frames."""
    view = memoryview(data)
    kept, orientation, profile, at, parts = [view[:8]], 0, 0, 8, 0
    while at + 12 <= len(data):
        parts = count(parts)
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        if kind == b"eXIf":
            block = exif.without_header(data[at + 8 : end - 4])
            orientation = orientation or exif.orientation(block)
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            text = data[at + 8 : min(end - 4, at + 8 + MAX_PROFILE)]
            profile = profile or _orientation_in_text(kind, text)
        # A lower-case first letter marks an optional chunk; of those only tRNS changes the pixels.
        if kind == b"tRNS" or not kind[0] & 0x20:
            kept.append(view[at:end])
        at = end
        if kind == b"IEND":
            break
    kept.append(view[at:])
    return Photo(b"".join(kept), orientation or profile or 1, format="PNG")


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
        block = bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
        return exif.orientation(exif.without_header(block))
    except (zlib.error, ValueError):
        return 0


def webp(data: bytes) -> Photo:
    """Read the orientation; the bytes are unchanged."""
    at, parts, orientation = 12, 0, 0
    check_decoding("WEBP", *_webp_size(data))
    while at + 8 <= len(data):
        parts = count(parts)
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            block = exif.without_header(data[at + 8 : at + 8 + length])
            orientation = orientation or exif.orientation(block)
        at += 8 + length + length % 2
    return Photo(data, orientation or 1, format="WEBP")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Return the canvas; Pillow allocates it twice before it returns the size."""
    if data[12:16] == b"VP8X":
        low, middle, high = struct.unpack_from("<HHH", data, 24)
        return low + ((middle & 0xFF) << 16) + 1, (middle >> 8) + (high << 8) + 1
    if data[12:16] == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


_GIF_BLOCK = re.compile(rb"[!,;]")


def gif(data: bytes) -> Photo:
    """Remove everything before the first frame except its palette and transparency."""
    begin = at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    control, parts = b"", 0
    while (match := _GIF_BLOCK.search(data, at)) and match[0] == b"!":
        start, at = match.start(), match.start() + 2
        while data[at]:
            parts = count(parts)
            at += data[at] + 1
        at += 1
        if data[start + 1] == 0xF9:
            control = data[start:at]
    if not match:
        raise BadImage("damaged or cut short (no frame)")
    return Photo(data[:begin] + control + data[match.start() :], format="GIF")


def bmp(data: bytes) -> Photo:
    """Refuse a BMP that Pillow would decode too slowly; the bytes are unchanged."""
    if len(data) >= 34 and struct.unpack_from("<I", data, 14)[0] >= 40:
        width, height, _, _, compression = struct.unpack_from("<iiHHI", data, 18)
        if compression in (1, 2) and max(abs(width * height), len(data)) > MAX_RLE:
            raise BadImage(f"a compressed BMP of more than {MAX_RLE // 1_000_000} million pixels")
    return Photo(data, format="BMP")
