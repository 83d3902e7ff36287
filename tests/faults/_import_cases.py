"""Hostile and damaged archives, tables and folders, each generated from a seed and a number."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import socket
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from core.datasets import manifest

Make = Callable[[random.Random, Path], tuple[str, Path]]

CLASSES = ("Crow", "Owl")
BAD_NAMES = [
    "../x.jpg", "/etc/x.jpg", "C:\\x.jpg", "a\\..\\..\\x.jpg", "Crow/../../x.jpg", "Crow/a\nb.jpg", "Crow/a\0b.jpg",
    "Crow/" + "x" * 300 + ".jpg",
    "d/" * 500 + "x.jpg", "x" * 70_000, "Crow./x.jpg", "CON/x.jpg", "Crow /x.jpg", "crow/x.jpg", "Crow/\u202ex.jpg", "", "/", ".", "..",
    "Crow//x.jpg", "Crow/./x.jpg", "Crow/x.jpg/y.jpg", "\\\\host\\share\\x.jpg", "Crow\\x.jpg", "Crow/x.zip", "~/x.jpg", "$(id)/x.jpg",
    "<b>/x.jpg", "Crow/\udcffx.jpg", "Crow/=1+2.jpg", "__MACOSX/x.jpg", ".hidden/x.jpg", "Crow/x.jpg ", "\u00e9/x.jpg", "e\u0301/x.jpg",
]  # fmt: skip
NUMBERS = [0, 1, 7, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF]
CELLS = [
    "", "nan", "inf", "1e400", "-1", str(2**70), "0", "9" * 5000, "=1+2", "'=x", "../../etc/passwd", "/etc/passwd", "Crow/0.png", "train",
    "unused",
    "x" * 200_000, "a\nb", '"', "\0", "\ud83d\ude00", "\u202e", " ", "None", "Crow/" + "y" * 400 + ".png", "crow", "left out: =x", "1_0",
]  # fmt: skip


def photo(chance: random.Random, suffix: str = "png") -> bytes:
    """Return a small photo; one of ten is damaged."""
    made = io.BytesIO()
    Image.frombytes("RGB", (8, 6), chance.randbytes(144)).save(
        made, {"jpg": "JPEG"}.get(suffix, suffix.upper())
    )
    data = made.getvalue()
    return mutated(chance, data) if chance.random() < 0.1 else data


def photos(chance: random.Random) -> dict[str, bytes]:
    return {
        f"{label}/{n}.{suffix}": photo(chance, suffix)
        for label in CLASSES
        for n, suffix in enumerate(("png", "jpg", "gif", "bmp"))
    }


def mutated(chance: random.Random, data: bytes) -> bytes:
    """Return the data with some bytes changed, removed, doubled, swapped or set to extreme
    numbers."""
    made = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        at, size = chance.randrange(len(made) + 1), chance.choice([1, 2, 4, 8, 64])
        kind = chance.randrange(7)
        if kind == 0:
            made[at : at + size] = chance.randbytes(size)
        elif kind == 1:
            made[at : at + size] = struct.pack("<L", chance.choice(NUMBERS))[: min(size, 4)]
        elif kind == 2:
            del made[at : at + size]
        elif kind == 3:
            made[at:at] = made[at : at + size * 8]
        elif kind == 4:
            del made[chance.randrange(len(made) // 2 + 1) + len(made) // 2 :]
        elif kind == 5:
            made[at:at] = bytes(size)
        elif made:
            made[at % len(made)] ^= 1 << chance.randrange(8)
    return bytes(made)


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return made.getvalue()


def tarred(files: dict[str, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=kind, errors="surrogateescape") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def packed(chance: random.Random, data: bytes) -> bytes:
    """Return a TAR as it is or compressed; sometimes in two pieces, or with bytes after its end."""
    pack = chance.choice([bytes, gzip.compress, bz2.compress, lzma.compress])
    if chance.random() < 0.1:
        middle = len(data) // 2
        return pack(data[:middle]) + pack(data[middle:])
    return pack(data) + chance.choice([b"", b"", b"", bytes(512), b"junk"])


def mutated_zip(chance: random.Random, folder: Path) -> tuple[str, Path]:
    method = chance.choice(
        [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    )
    data = zipped(photos(chance), method)
    # Half of the changes are in the table of contents.
    start = data.index(b"PK\1\2") if chance.random() < 0.5 else 0
    return "archive", _file(folder, data[:start] + mutated(chance, data[start:]))


def mutated_tar(chance: random.Random, folder: Path) -> tuple[str, Path]:
    data = tarred(
        photos(chance),
        chance.choice([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    )
    if chance.random() < 0.7:
        data = _with_checksum(_header_changed(chance, data))
        return "archive", _file(folder, packed(chance, data))
    return "archive", _file(folder, mutated(chance, packed(chance, data)))


def bad_names(chance: random.Random, folder: Path) -> tuple[str, Path]:
    """Names that lead outside, or that a file system, a shell or a reader misreads."""
    files = photos(chance) | {
        chance.choice(BAD_NAMES): photo(chance) for _ in range(chance.choice([1, 1, 3]))
    }
    if chance.random() < 0.5:
        return "archive", _file(folder, packed(chance, tarred(files)))
    written = {name.encode("utf-8", "surrogatepass"): data for name, data in files.items()}
    return "archive", _file(
        folder, raw_zip(written, chance.choice([0, 3, 10]), chance.choice([0, 0x800]))
    )


def raw_zip(files: dict[bytes, bytes], system: int = 3, flags: int = 0) -> bytes:
    """Return an uncompressed ZIP with the names as raw bytes."""
    body, central = b"", b""
    for name, data in files.items():
        facts = (flags, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), len(name) & 0xFFFF)
        start, body = (
            len(body),
            body + struct.pack("<4s5H3L2H", b"PK\3\4", 20, *facts, 0) + name + data,
        )
        central += (
            struct.pack("<4s2B5H3L5H2L", b"PK\1\2", 20, system, 20, *facts, 0, 0, 0, 0, 0, start)
            + name
        )
    end = struct.pack(
        "<4s4H2LH",
        b"PK\5\6",
        0,
        0,
        len(files) & 0xFFFF,
        len(files) & 0xFFFF,
        len(central),
        len(body),
        0,
    )
    return body + central + end


def crafted_zip(chance: random.Random, folder: Path) -> tuple[str, Path]:
    data, fields = (
        bytearray(zipped(photos(chance))),
        {
            4: "H",
            6: "H",
            8: "H",
            10: "H",
            16: "L",
            20: "L",
            24: "L",
            28: "H",
            30: "H",
            38: "L",
            42: "L",
        },
    )
    at, (offset, kind) = data.index(b"PK\1\2"), chance.choice(sorted(fields.items()))
    size = struct.calcsize(kind)
    value = chance.choice(NUMBERS) & ((1 << 8 * size) - 1)
    if offset == 10:
        value = chance.choice([1, 6, 9, 12, 14, 93, 95, 97, 98, 99, 255])
        struct.pack_into("<H", data, 8, value)
    struct.pack_into(f"<{kind}", data, at + offset, value)
    return "archive", _file(
        folder,
        chance.choice([b"", b"", b"MZ junk" * 50])
        + bytes(data)
        + chance.choice([b"", b"", b"tail" * 9000]),
    )


def many_entries(chance: random.Random, folder: Path) -> tuple[str, Path]:
    """Archives that declare much and hold little."""
    count = chance.choice([100_001, 200_000, 400_000])
    name = chance.choice(["%07d.jpg", "a/b/c/%07d/", "%07d/" + "d/" * 400])
    count = min(count, 30_000_000 // len(name % 0))
    head = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name % 0), 0, 0, 0, 0, 0, 0
    )
    table = b"".join(head + (name % number).encode() for number in range(count))
    return "archive", _file(
        folder, b"PK\3\4" + table + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(table), 4, 0)
    )


def crafted_tar(chance: random.Random, folder: Path) -> tuple[str, Path]:
    """Links, devices, sparse files, headers of headers, bombs."""
    member = tarfile.TarInfo(chance.choice(["Crow/x.jpg", "pax", "x" * 90]))
    member.type = chance.choice([bytes([kind]) for kind in b"0123467SLKxgXVMND"])
    member.linkname = chance.choice(["", "/etc/passwd", "../../..", "Crow/0.png"])
    member.size = chance.choice([0, 1, 511, 512, 2**20, 2**33 - 1])
    member.mode = chance.choice([0o644, 0o4755, 0])
    body = chance.choice(
        [
            bytes(512),
            b"30 path=../../../../x.jpg\n",
            b"27 GNU.sparse.major=1\n" * 20,
            b"99999999999 a=b\n",
            b"18 size=-1000000\n",
        ]
    )
    header = member.tobuf(tarfile.GNU_FORMAT) + body.ljust(512 * -(-len(body) // 512), b"\0")
    times = chance.choice([1, 1, 3, 2000])
    data = header * times + tarred(photos(chance))
    if chance.random() < 0.2:
        data = tarred({"Crow/x.jpg": bytes(chance.choice([2**20, 2**26]))})
    return "archive", _file(folder, packed(chance, data))


def huge_dictionary(chance: random.Random, folder: Path) -> tuple[str, Path]:
    if chance.random() < 0.5:
        data = bytearray(zipped({"Crow/0.jpg": photo(chance, "jpg")}, zipfile.ZIP_LZMA))
        data[30 + 10 + 5 : 30 + 10 + 9] = struct.pack("<L", chance.choice(NUMBERS))
        return "archive", _file(folder, bytes(data))
    data = bytearray(lzma.compress(tarred(photos(chance))))
    size = 4 * (data[12] + 1)
    data[16] = chance.randrange(20, 48)
    data[12 + size - 4 : 12 + size] = struct.pack("<L", zlib.crc32(data[12 : 12 + size - 4]))
    return "archive", _file(folder, bytes(data))


def table(chance: random.Random, folder: Path) -> tuple[str, Path]:
    """Return a table of labels, or one like Fieldmark's own, with invalid cells and bytes."""
    _write(folder / "in", photos(chance))
    own = list(manifest.COLUMNS)
    header = chance.choice(
        [
            ["file", "label"],
            ["path", "label", "split", "x", "y", "w", "h"],
            own,
            [*own, "source_path"],
        ]
    )
    rows = [header]
    for label in CLASSES:
        for number, suffix in enumerate(("png", "jpg", "gif", "bmp")):
            values = {
                "file": f"{label}/{number}.{suffix}",
                "path": f"{label}/{number}.{suffix}",
                "label": label,
                "split": "train",
            }
            rows.append(
                [
                    chance.choice(CELLS) if chance.random() < 0.1 else values.get(name, "")
                    for name in header
                ]
            )
    quoted = [
        '"' + cell.replace('"', '""') + '"' if chance.random() < 0.8 else cell
        for row in rows
        for cell in row
    ]
    lines = [
        ",".join(quoted[start : start + len(header)])
        for start in range(0, len(quoted), len(header))
    ]
    text = chance.choice(["\n", "\r\n", "\r"]).join(lines) + "\n"
    data = text.encode(
        chance.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252", "utf-32"]),
        "replace",
    )
    if chance.random() < 0.4:
        data = mutated(chance, data)
    if chance.random() < 0.05:
        data += b"Crow/0.png," + b"x" * chance.choice([200_000, 20_000_000])
    (folder / "in" / chance.choice(["labels.csv", "labels.tsv", "m.csv"])).write_bytes(data)
    return "folder", folder / "in"


def cub(chance: random.Random, folder: Path) -> tuple[str, Path]:
    root = folder / "in"
    _write(
        root / "images",
        {
            f"00{n}.{label}/{place}.png": photo(chance)
            for n, label in enumerate(CLASSES, 1)
            for place in range(4)
        },
    )
    names = sorted(
        path.relative_to(root / "images").as_posix() for path in (root / "images").rglob("*.png")
    )
    tables = {
        "images": [f"{n} {name}" for n, name in enumerate(names)],
        "image_class_labels": [f"{n} {name[2]}" for n, name in enumerate(names)],
        "classes": ["1 001.Crow", "2 002.Owl"],
        "train_test_split": [f"{n} {n % 2}" for n in range(len(names))],
        "bounding_boxes": [
            f"{n} 0.0 0.0 {chance.choice(CELLS[:8])} 4.0".replace("\n", " ")
            for n in range(len(names))
        ],
    }
    for name, lines in tables.items():
        data = "\n".join(lines).encode()
        (root / f"{name}.txt").write_bytes(mutated(chance, data) if chance.random() < 0.3 else data)
    return "folder", root


def tree(chance: random.Random, folder: Path) -> tuple[str, Path]:
    """Folders with pipes, sockets, circular links, deep nesting, and names that are not valid
    text."""
    root = folder / "in"
    _write(
        root,
        {
            f"{chance.choice(['', 'train/', 'test/'])}{name}": data
            for name, data in photos(chance).items()
        }
        | photos(chance),
    )
    for _ in range(chance.choice([1, 3, 6])):
        chance.choice([_pipe, _socket, _circle, _deep, _name, _link, _name])(
            chance, root / chance.choice(["", *CLASSES])
        )
    return "folder", root


def _pipe(chance: random.Random, place: Path) -> None:
    name = place / chance.choice(["pipe.jpg", "labels.csv", "images.txt", "pipe"])
    if not name.exists():
        os.mkfifo(name)


def _socket(chance: random.Random, place: Path) -> None:
    here = os.open(place, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{here}/{chance.randrange(10**6)}.jpg")
    os.close(here)


def _circle(chance: random.Random, place: Path) -> None:
    (place / f"circle{chance.randrange(10**6)}").symlink_to(
        chance.choice([place, place.parent, Path("loop")])
    )


def _link(chance: random.Random, place: Path) -> None:
    (place / f"{chance.randrange(10**6)}.jpg").symlink_to(
        chance.choice(["/etc/passwd", "/dev/zero", "nowhere"])
    )


def _deep(chance: random.Random, place: Path) -> None:
    here = os.open(place, os.O_RDONLY)
    for _ in range(chance.choice([40, 300, 1800])):
        try:
            os.mkdir("d", dir_fd=here)
        except FileExistsError:
            break
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)


def _name(chance: random.Random, place: Path) -> None:
    name = chance.choice(
        [
            b"\xff\xfe.jpg",
            b"a\nb.jpg",
            b"\xe2\x80\xa8.jpg",
            b"=1+2.jpg",
            b"<b>.jpg",
            b" .jpg",
            b"\\.jpg",
            b"x" * 250 + b".jpg",
        ]
    )
    target = os.fsencode(place) + b"/" + chance.choice([b"", b"sub\n/", b"\xff/"])
    Path(os.fsdecode(target)).mkdir(exist_ok=True)
    Path(os.fsdecode(target + b"/" + name)).write_bytes(photo(chance, "jpg"))


def _header_changed(chance: random.Random, data: bytes) -> bytes:
    made = bytearray(data)
    at = 512 * chance.randrange(max(len(made) // 512, 1))
    offset, size = chance.choice(
        [(0, 100), (100, 8), (124, 12), (136, 12), (156, 1), (157, 100), (257, 8), (345, 155)]
    )
    values = [
        chance.randbytes(size),
        b"\x80" + b"\xff" * (size - 1),
        b"\xff" * size,
        b"7" * size,
        b"-" + b"1" * (size - 1),
        b"../" * 50,
        b" " * size,
    ]
    made[at + offset : at + offset + size] = chance.choice(values)[:size].ljust(size, b"\0")
    return bytes(made)


def _with_checksum(data: bytes) -> bytes:
    """Return the TAR with correct header checksums, so that it is read."""
    made = bytearray(data)
    for at in range(0, len(made) - 511, 512):
        if made[at + 257 : at + 262] == b"ustar":
            made[at + 148 : at + 156] = b" " * 8
            made[at + 148 : at + 156] = b"%06o\0 " % sum(made[at : at + 512])
    return bytes(made)


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "in"
    path.write_bytes(data)
    return path


def _write(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


# The frequency of each.
KINDS: list[Make] = [
    *[mutated_zip] * 6,
    *[mutated_tar] * 6,
    *[bad_names] * 3,
    *[crafted_zip] * 3,
    *[crafted_tar] * 4,
    *[table] * 6,
    *[cub] * 2,
    *[tree] * 4,
    huge_dictionary,
]
RARE: list[Make] = [many_entries]


def make(seed: int, number: int, folder: Path) -> tuple[str, str, Path]:
    """Make case `number` of `seed` in `folder`; return its description and the source to import."""
    chance = random.Random(f"{seed}/{number}")
    kind = chance.choice(RARE if number % 50 == 49 else KINDS)
    return kind.__name__, *kind(chance, folder)
