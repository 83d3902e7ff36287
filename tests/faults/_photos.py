"""Bad photos as bytes, by name: damaged, extreme, unsupported, valid but expensive."""

from __future__ import annotations

import io
import random
import struct
import zlib

import numpy as np
from PIL import Image

SIDE = 7000


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(side: int = 96, seed: int = 0) -> Image.Image:
    """Return a picture with some content."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int = 8, colour: int = 2, extra: bytes = b"") -> bytes:
    """Return a black PNG of that size, written in pieces; `extra` comes before its pixels."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = bytes(1 + (width * samples * depth + 7) // 8)
    packer = zlib.compressobj(6)
    data = b"".join([packer.compress(row) for _ in range(height)] + [packer.flush()])
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = chunk(b"IHDR", head) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def png_head(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) * 2


def scans(side: int, count: int) -> bytes:
    """Return a legal progressive JPEG whose last scan is there `count` times: each costs all
    pixels."""
    data = encoded(Image.new("L", (side, side)), "JPEG", progressive=True, quality=30)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def with_segments(data: bytes, count: int) -> bytes:
    return data[:2] + (b"\xff\xe5" + struct.pack(">H", 2)) * count + data[2:]


def flipped(data: bytes, rng: random.Random, bits: int = 12) -> bytes:
    changed = bytearray(data)
    for _ in range(bits):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def rle_bmp(side: int) -> bytes:
    """Return a small run-length BMP that decodes to side x side pixels."""
    line = b"\xff\x01" * (side // 255) + bytes([max(1, side % 255), 1]) + b"\x00\x00"
    body = line * min(side, 2000) + b"\x00\x01"
    palette = bytes(1024)
    offset = 54 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", offset + len(body), 0, 0, offset)
    info = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(body), 1, 1, 256, 0)
    return head + info + palette + body


def cheap() -> dict[str, bytes]:
    """Return photos that cost a server little, answered or refused."""
    image = picture()
    jpeg, grey = encoded(image, "JPEG"), image.convert("L")
    text = chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(20_000_000), 9))
    profile = chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(20_000_000), 9))
    return {
        "empty": b"",
        "one byte": b"\xff",
        "jpeg": jpeg,
        "png": encoded(image, "PNG"),
        "gif": encoded(image, "GIF"),
        "webp": encoded(image, "WEBP"),
        "bmp": encoded(image, "BMP"),
        "tiff": encoded(image, "TIFF"),
        "ico": encoded(image.resize((32, 32)), "ICO"),
        "progressive jpeg": encoded(image, "JPEG", progressive=True),
        "grey jpeg": encoded(grey, "JPEG"),
        "cmyk jpeg": encoded(image.convert("CMYK"), "JPEG"),
        "16-bit grey png": encoded(Image.fromarray(np.zeros((9, 9), np.uint16)), "PNG"),
        "palette png": encoded(image.convert("P"), "PNG", transparency=3),
        "rgba png": encoded(image.convert("RGBA"), "PNG"),
        "animated gif": encoded(image, "GIF", save_all=True, append_images=[image] * 9),
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "pdf": b"%PDF-1.7\n",
        "html": b"<html><script>1</script></html>",
        "zip": b"PK\x03\x04" + bytes(60),
        "heic": b"\0\0\0\x18ftypheic" + bytes(60),
        "zeros": bytes(100_000),
        "1 x 1 png": png(1, 1),
        "1 x 60000 png": png(1, 60_000),
        "60000 x 1 png": png(60_000, 1),
        "0 x 0 png": png_head(0, 0),
        "60000 x 60000 png": png_head(60_000, 60_000),
        "png without pixels": png_head(50, 50),
        "png with 20 MB of text": png(9, 9, extra=text),
        "png with 20 MB of profile": png(9, 9, extra=profile),
        "jpeg without end": jpeg[:-2],
        "jpeg head": jpeg[:20],
        "jpeg of 65500": jpeg.replace(b"\0\x60\0\x60", b"\xff\xdc\xff\xdc"),
        "jpeg of 50,000 segments": with_segments(jpeg, 50_000),
        "gif of 65535": b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + bytes(20),
    }


def expensive() -> dict[str, bytes]:
    """Return valid photos that take a second or a gigabyte, or would."""
    return {
        "49 MP png": png(SIDE, SIDE),
        "49 MP png, RGBA, 16 bits": png(SIDE, SIDE, 16, 6),
        "49 MP png, palette": png(SIDE, SIDE, 8, 0),
        "49 MP jpeg": encoded(Image.new("RGB", (SIDE, SIDE)), "JPEG", quality=20),
        "49 MP webp": encoded(Image.new("RGB", (SIDE, SIDE)), "WEBP", quality=1, method=0),
        "49 MP gif": encoded(Image.new("P", (SIDE, SIDE)), "GIF"),
        "49 MP run-length bmp": rle_bmp(SIDE),
        "1,500 scans": scans(6000, 1500),
    }
