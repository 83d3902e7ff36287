"""Archives: real ones, broken and hostile in every way that the fault list names."""

from __future__ import annotations

import io
import lzma
import os
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import time
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pyarrow as pa
import pytest

from core import settings
from core.errors import BadArchive, UserError
from core.io import archives
from core.io.names import printable

TAR_MODES = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}


def make_zip(
    path: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED
) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def make_tar(path: Path, entries: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in entries.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def make_tar_of(path: Path, member: tarfile.TarInfo, data: bytes = b"") -> Path:
    with tarfile.open(path, "w") as archive:
        archive.addfile(member, io.BytesIO(data))
    return path


def refused(archive: Path, tmp_path: Path) -> str:
    """The message with which `archive` is refused; nothing may be left of it on disk."""
    place = tmp_path / "place"
    place.mkdir(exist_ok=True)
    with pytest.raises(BadArchive) as caught:
        archives.extract(archive, place / "images")
    assert list(place.iterdir()) == []
    return str(caught.value)


GOOD = {
    "Cat/1.jpg": b"a" * 3000,
    "Cat/2.jpg": b"b" * 512,
    "Dog/sub/3.jpg": os.urandom(70_000),
    "README": b"",
}


@pytest.mark.parametrize("kind", ["zip", *TAR_MODES])
def test_unpacks_what_is_in_it_whatever_its_name_says(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    make_zip(path, GOOD) if kind == "zip" else make_tar(path, GOOD, TAR_MODES[kind])
    seen: list[tuple[int, int]] = []
    report = archives.extract(
        path, tmp_path / "out", progress=lambda done, total: seen.append((done, total))
    )
    assert {name: (tmp_path / "out" / name).read_bytes() for name in GOOD} == GOOD
    assert (report.files, report.bytes, report.ignored) == (4, sum(map(len, GOOD.values())), {})
    assert all(done <= total for done, total in seen)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs the tar program")
def test_unpacks_what_gnu_tar_makes_of_a_folder(tmp_path: Path) -> None:
    """`tar -C folder .` begins every name with `./`; long names come in extra headers."""
    names = ["Cat/1.jpg", "Empty/", f"Dog/{'x' * 150}.jpg"]
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).mkdir() if name.endswith("/") else (
            tmp_path / "in" / name
        ).write_bytes(b"x" * 512)
    subprocess.run(
        ["tar", "-C", str(tmp_path / "in"), "-czf", str(tmp_path / "a.tgz"), "."], check=True
    )
    archives.extract(tmp_path / "a.tgz", tmp_path / "out")
    assert sorted(
        p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*")
    ) == sorted(["Cat", "Cat/1.jpg", "Dog", names[2], "Empty"])


def test_stops_when_asked_and_leaves_nothing(tmp_path: Path) -> None:
    for path in (make_zip(tmp_path / "a.zip", GOOD), make_tar(tmp_path / "a.tgz", GOOD)):
        with pytest.raises(UserError, match=r"Nothing was kept"):
            archives.extract(path, tmp_path / "place" / "out", should_stop=lambda: True)
        assert list((tmp_path / "place").iterdir()) == []


def test_a_full_disk_is_named_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MIN_FREE_BYTES", 2**62)
    for path in (make_zip(tmp_path / "a.zip", GOOD), make_tar(tmp_path / "a.tgz", GOOD)):
        with pytest.raises(UserError, match="free"):
            archives.extract(path, tmp_path / "place" / "out")
        assert list((tmp_path / "place").iterdir()) == []


OUTSIDE = [
    "../x.jpg",
    "/x.jpg",
    "C:/x.jpg",
    "a\\..\\x.jpg",
    "a/../../x.jpg",
    "a\nb.jpg",
    "a/" + "x" * 300,
]


@pytest.mark.parametrize("name", [*OUTSIDE, "a\0b.jpg"])
def test_fault_01_names_that_lead_outside_a_zip(name: str, tmp_path: Path) -> None:
    # zipfile changes some names on writing, so the name is put into the finished archive.
    written = "n" * len(name)
    path = make_zip(tmp_path / "a.zip", {"Cat/1.jpg": b"fine", written: b"evil"})
    path.write_bytes(path.read_bytes().replace(written.encode(), name.encode()))
    message = refused(path, tmp_path)
    assert repr(printable(name)) in message
    assert not (tmp_path / "x.jpg").exists()


@pytest.mark.parametrize("name", OUTSIDE)
def test_fault_01_names_that_lead_outside_a_tar(name: str, tmp_path: Path) -> None:
    message = refused(make_tar(tmp_path / "a.tgz", {"Cat/1.jpg": b"fine", name: b"evil"}), tmp_path)
    assert repr(printable(name)) in message
    assert not (tmp_path / "x.jpg").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_fault_02_tar_links_and_devices(kind: bytes, tmp_path: Path) -> None:
    member = tarfile.TarInfo("Cat/passwd.jpg")
    member.type, member.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(member)
        archive.addfile(member.replace(name="Cat/again.jpg", deep=False))
        fine = tarfile.TarInfo("Cat/1.jpg")
        fine.size = 4
        archive.addfile(fine, io.BytesIO(b"fine"))
    assert_left_out(tmp_path / "a.tar", "Cat/passwd.jpg", 2, tmp_path)
    member.name = "../passwd.jpg"
    assert "outside" in refused(make_tar_of(tmp_path / "b.tar", member), tmp_path)


def assert_left_out(archive: Path, example: str, count: int, tmp_path: Path) -> None:
    """One reason, with one example, and nothing on the disk but the photo beside it."""
    report = archives.extract(archive, tmp_path / "out")
    assert list(report.examples.values()) == [example]
    assert list(report.ignored) == list(report.examples)
    assert (report.files, sum(report.ignored.values())) == (1, count)
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["Cat", "1.jpg"]


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_fault_02_zip_links_and_devices(mode: int, tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("Cat/link.jpg")
    entry.external_attr = (mode | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("Cat/1.jpg", b"fine")
        archive.writestr(entry, "/etc/passwd")
    assert "link.jpg" in refused(tmp_path / "a.zip", tmp_path)


def test_fault_03_a_zip_bomb_is_refused_at_once(tmp_path: Path) -> None:
    """5 GB are declared: the directory of a small archive is patched, as a bomb's maker would do with overlapping entries."""
    path = make_zip(tmp_path / "bomb.zip", {"Cat/1.jpg": bytes(10_000_000)})
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<L", 10_000_000), struct.pack("<L", 2**32 - 2)))
    started = time.process_time()
    assert "bomb" in refused(path, tmp_path)
    assert time.process_time() - started < 10


def test_fault_03_a_tar_bomb_is_refused_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ARCHIVE_RATIO_FROM", 2**20)
    assert "bomb" in refused(
        make_tar(tmp_path / "bomb.tgz", {f"Cat/{n}.jpg": bytes(2**19) for n in range(9)}), tmp_path
    )


def test_fault_03_a_header_that_would_fill_the_memory(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar", {"Cat/1.jpg": b"x"}, "w")
    member = tarfile.TarInfo("pax")
    member.type, member.size = tarfile.XHDTYPE, 8 * 2**30
    path.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + path.read_bytes())
    assert "header" in refused(path, tmp_path)


@pytest.mark.parametrize("declared", [10, 5_000])
def test_fault_04_sizes_that_lie(declared: int, tmp_path: Path) -> None:
    path = make_zip(
        tmp_path / "a.zip",
        {"Cat/1.jpg": os.urandom(999)},
        zipfile.ZIP_STORED if declared < 999 else zipfile.ZIP_DEFLATED,
    )
    path.write_bytes(path.read_bytes().replace(struct.pack("<L", 999), struct.pack("<L", declared)))
    assert refused(path, tmp_path)


def test_fault_05_too_many_entries(tmp_path: Path) -> None:
    """A table of contents that names one file 200,000 times over: 46 bytes each, and nothing else."""
    fields = (0x02014B50, 20, 20, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0)
    table = b"".join(
        struct.pack("<L6H3L5H2L", *fields) + b"%06d.jpg" % number for number in range(200_000)
    )
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(table), 4, 0)
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04" + table + end)
    assert "150,000 entries" in refused(tmp_path / "a.zip", tmp_path)


def test_fault_06_encrypted(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"Cat/1.jpg": b"x"})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert "encrypted" in refused(path, tmp_path)


@pytest.mark.parametrize("kind", ["zip", *TAR_MODES])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9])
def test_fault_06_truncated(kind: str, kept: float, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    entries = {f"Cat/{n}.jpg": os.urandom(20_000) for n in range(8)}
    make_zip(path, entries) if kind == "zip" else make_tar(path, entries, TAR_MODES[kind])
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    assert refused(path, tmp_path)


def test_fault_06_a_tar_that_was_cut_between_two_entries(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar", {"Cat/1.jpg": b"x" * 512, "Cat/2.jpg": b"y" * 512}, "w")
    path.write_bytes(path.read_bytes()[:1024])
    assert "end mark" in refused(path, tmp_path)


def test_fault_06_a_flipped_byte(tmp_path: Path) -> None:
    for make in (make_zip, make_tar):
        path = make(tmp_path / "a", {"Cat/1.jpg": os.urandom(50_000)})
        data = bytearray(path.read_bytes())
        data[25_000] ^= 0xFF
        path.write_bytes(data)
        assert refused(path, tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "neither"),
        (b"Rar!\x1a\x07\x00" + bytes(500), "RAR"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(500), "7z"),
        (b"<html><body>404 Not Found</body></html>" * 40, "neither"),
        (bytes(20_480), "no files"),
        (b"PK\x05\x06" + bytes(18), "no files"),
    ],
)
def test_fault_06_empty_or_no_archive_at_all(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "birds.zip").write_bytes(content)
    assert reason in refused(tmp_path / "birds.zip", tmp_path)


@pytest.mark.parametrize("name", ["more.zip", "Cat/more.tar.gz", "more.RAR"])
def test_fault_06_an_archive_in_an_archive(name: str, tmp_path: Path) -> None:
    for make in (make_zip, make_tar):
        assert name in refused(make(tmp_path / "a", {"Cat/1.jpg": b"x", name: b"y"}), tmp_path)


def test_fault_07_system_files_are_left_out_and_counted(tmp_path: Path) -> None:
    entries = {
        "__MACOSX/Cat/._1.jpg": b"x",
        "Cat/.DS_Store": b"x",
        "Cat/Thumbs.db": b"x",
        "Cat/1.jpg": b"x",
    }
    for make in (make_zip, make_tar):
        report = archives.extract(make(tmp_path / "a", entries), tmp_path / make.__name__)
        assert (report.files, report.ignored) == (1, {"hidden or system file": 3})
        assert [path.name for path in (tmp_path / make.__name__).rglob("*")] == ["Cat", "1.jpg"]


CAFE = unicodedata.normalize("NFC", "Café"), unicodedata.normalize("NFD", "Café")


@pytest.mark.parametrize("twins", [("Cat", "cat"), CAFE, ("Cat", "Cat ")])
def test_fault_08_folders_that_differ_only_in_their_spelling(
    twins: tuple[str, str], tmp_path: Path
) -> None:
    for make in (make_zip, make_tar):
        message = refused(
            make(tmp_path / "a", {f"{twins[0]}/1.jpg": b"x", f"{twins[1]}/2.jpg": b"y"}), tmp_path
        )
        assert all(f"{name!r}" in message for name in twins)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_fault_08_an_entry_that_is_there_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("Cat/1.jpg", b"x")
        archive.writestr("Cat/1.jpg", b"y")
    assert "twice" in refused(tmp_path / "a.zip", tmp_path)
    assert "twice" in refused(
        make_tar(tmp_path / "a.tar", {"Cat": b"x", "Cat/1.jpg": b"y"}), tmp_path
    )


def seconds_to_refuse(path: Path, tmp_path: Path) -> tuple[str, float]:
    started = time.process_time()
    return refused(path, tmp_path), time.process_time() - started


def table_of_contents(count: int, name: str = "%07d.jpg") -> bytes:
    """A ZIP that is nothing but a table of contents of `count` entries."""
    fields = (0x02014B50, 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name % 0), 0, 0, 0, 0, 0, 0)
    head = struct.pack("<L6H3L5H2L", *fields)
    table = b"".join(head + (name % number).encode() for number in range(count))
    return (
        b"PK\x03\x04" + table + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(table), 4, 0)
    )


def test_a_million_entries_are_refused_before_they_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(table_of_contents(1_000_000))
    message, seconds = seconds_to_refuse(tmp_path / "a.zip", tmp_path)
    assert "150,000 entries" in message
    assert seconds < 1


def test_a_table_of_contents_of_long_names_is_refused_as_that(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(table_of_contents(600, "%07d" + "x" * 60_000))
    assert "table of contents" in refused(tmp_path / "a.zip", tmp_path)


def test_folders_in_folders_are_refused_by_their_depth(tmp_path: Path) -> None:
    entries = {f"{n}/" + "d/" * 499 + "1.jpg": b"x" for n in range(1000)}
    for make in (make_zip, make_tar):
        message, seconds = seconds_to_refuse(make(tmp_path / "a", entries), tmp_path)
        assert "32 folders deep" in message
        assert seconds < 2


def test_folders_are_counted_over_the_whole_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MAX_FOLDERS", 100)
    entries = {f"{n}/{'d/' * 20}1.jpg": b"x" for n in range(6)}
    for make in (make_zip, make_tar):
        assert "100 folders" in refused(make(tmp_path / "a", entries), tmp_path)


def test_an_xz_that_claims_a_dictionary_of_4_gb_is_refused(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.txz", GOOD, "w:xz")
    data = bytearray(path.read_bytes())
    size = 4 * (data[12] + 1)
    assert data[14] == 0x21
    data[16] = 40
    data[12 + size - 4 : 12 + size] = struct.pack("<L", zlib.crc32(data[12 : 12 + size - 4]))
    path.write_bytes(data)
    assert "xz -9" in refused(path, tmp_path)


def test_an_xz_of_several_streams_is_one_archive(tmp_path: Path) -> None:
    plain = make_tar(tmp_path / "a.tar", GOOD, "w").read_bytes()
    halves = [lzma.compress(part, preset=9) for part in (plain[:9000], plain[9000:])]
    (tmp_path / "a.txz").write_bytes(halves[0] + bytes(8) + halves[1] + bytes(4))
    archives.extract(tmp_path / "a.txz", tmp_path / "out")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in GOOD} == GOOD


def test_a_zip_by_lzma_that_claims_a_dictionary_of_4_gb_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"Cat/1.jpg": b"x" * 5000}, zipfile.ZIP_LZMA)
    archives.extract(path, tmp_path / "out")
    data = bytearray(path.read_bytes())
    at = 30 + len("Cat/1.jpg") + 5
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert "Cat/1.jpg" in refused(path, tmp_path)


@pytest.mark.parametrize(
    ("method", "name"), [(9, "Deflate64"), (93, "Zstandard"), (95, "XZ"), (98, "PPMd"), (77, "77")]
)
def test_a_method_that_cannot_be_read_is_named(method: int, name: str, tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"Cat/1.jpg": b"x" * 500})
    data = path.read_bytes().replace(
        b"PK\x03\x04\x14\0\0\0\x08\0", b"PK\x03\x04\x14\0\0\0" + struct.pack("<H", method)
    )
    path.write_bytes(
        data.replace(
            b"PK\x01\x02\x14\x03\x14\0\0\0\x08\0",
            b"PK\x01\x02\x14\x03\x14\0\0\0" + struct.pack("<H", method),
        )
    )
    message = refused(path, tmp_path)
    assert name in message
    assert "Deflate" in message
    assert "damaged" not in message


def raw_zip(path: Path, names: list[bytes], system: int = 0, extra: bytes = b"") -> Path:
    """A stored ZIP with the very bytes of the names and no UTF-8 flag, each file a byte."""
    body, central = b"", b""
    for name in names:
        facts = (0, 0, 0, 0x21, zlib.crc32(b"x"), 1, 1, len(name))
        start, body = (
            len(body),
            body + struct.pack("<4s5H3L2H", b"PK\3\4", 20, *facts, 0) + name + b"x",
        )
        central += (
            struct.pack(
                "<4s2B5H3L5H2L", b"PK\1\2", 20, system, 20, *facts, len(extra), 0, 0, 0, 0, start
            )
            + name
            + extra
        )
    end = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, len(names), len(names), len(central), len(body), 0
    )
    path.write_bytes(body + central + end)
    return path


@pytest.mark.parametrize(
    ("name", "encoding", "system"),
    [
        ("Eichelhäher", "utf-8", 3),
        (unicodedata.normalize("NFD", "Grünfink"), "utf-8", 3),
        ("スズメ", "cp932", 0),
        ("表カラス", "cp932", 0),
        ("château", "cp850", 0),
        ("Rødstrupe", "cp850", 0),
        ("Straße", "cp850", 11),
    ],
)
def test_names_are_read_as_their_maker_wrote_them(
    name: str, encoding: str, system: int, tmp_path: Path
) -> None:
    archives.extract(
        raw_zip(tmp_path / "a.zip", [f"{name}/1.jpg".encode(encoding)], system), tmp_path / "out"
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "encoding", "system"),
    [
        ("麻雀", "gbk", 0),
        ("ворона", "cp866", 0),
        ("\u0421\u041e\u0412\u0410", "cp866", 0),
        ("鹦鹉", "gbk", 0),
        ("Häher", "latin-1", 3),
    ],
)
def test_names_in_an_encoding_that_nobody_says_are_refused(
    name: str, encoding: str, system: int, tmp_path: Path
) -> None:
    assert "does not declare the encoding" in refused(
        raw_zip(tmp_path / "a.zip", [f"{name}/1.jpg".encode(encoding)], system), tmp_path
    )


def test_a_unicode_name_in_the_extra_field_counts_where_it_is_about_this_name(
    tmp_path: Path,
) -> None:
    raw, told = "麻雀/1.jpg".encode("gbk"), "麻雀/1.jpg".encode()
    for checksum, is_read in ((zlib.crc32(raw), True), (7, False)):
        extra = struct.pack("<2HBL", 0x7075, 5 + len(told), 1, checksum) + told
        path = raw_zip(tmp_path / "a.zip", [raw], extra=extra)
        if is_read:
            archives.extract(path, tmp_path / "out")
            assert (tmp_path / "out" / "麻雀" / "1.jpg").exists()
        else:
            assert "does not declare the encoding" in refused(path, tmp_path)


def test_backslashes_of_windows_are_folders(tmp_path: Path) -> None:
    archives.extract(
        raw_zip(tmp_path / "a.zip", [b"Cat\\1.jpg", b"Dog\\sub\\2.jpg"]), tmp_path / "out"
    )
    assert sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.jpg")
    ) == [
        "Cat/1.jpg",
        "Dog/sub/2.jpg",
    ]
    assert "outside" in refused(raw_zip(tmp_path / "b.zip", [b"..\\1.jpg"]), tmp_path)
    assert "absolute" in refused(raw_zip(tmp_path / "b.zip", [b"\\\\host\\share\\1.jpg"]), tmp_path)


def test_a_backslash_is_no_separator_where_any_name_has_a_slash(tmp_path: Path) -> None:
    names = [b"Cat/1.jpg", b"Dog\\2.jpg"]
    assert "backslash" in refused(raw_zip(tmp_path / "a.zip", names), tmp_path)
    archives.extract(raw_zip(tmp_path / "b.zip", [b"Dog\\2.jpg"], 3), tmp_path / "out")
    assert (tmp_path / "out" / "Dog" / "2.jpg").exists()


@pytest.mark.parametrize(
    ("name", "encoding", "guessed"),
    [
        ("Eichelh\u00e4her", "utf-8", "utf-8"),
        ("\u30b9\u30ba\u30e1", "cp932", "cp932"),
        ("ch\u00e2teau", "cp850", "cp850"),
        ("Cat", "ascii", ""),
    ],
)
def test_the_report_says_which_encoding_was_guessed(
    name: str, encoding: str, guessed: str, tmp_path: Path
) -> None:
    path = raw_zip(tmp_path / "a.zip", [f"{name}/1.jpg".encode(encoding)])
    assert archives.extract(path, tmp_path / "out").guessed == guessed


def test_a_caller_says_in_which_encoding_names_are(tmp_path: Path) -> None:
    path = raw_zip(tmp_path / "a.zip", ["\u9ebb\u96c0/1.jpg".encode("gbk"), b"Cat/2.jpg"])
    report = archives.extract(path, tmp_path / "out", encoding="gbk")
    assert (tmp_path / "out" / "\u9ebb\u96c0" / "1.jpg").exists()
    assert report.guessed == ""
    with pytest.raises(BadArchive, match="not in the encoding utf-8"):
        archives.extract(path, tmp_path / "other", encoding="utf-8")
    with pytest.raises(UserError, match="no encoding named 'klingon'"):
        archives.extract(path, tmp_path / "other", encoding="klingon")


def test_entries_that_overlap_are_refused(tmp_path: Path) -> None:
    """Two names for the same bytes: so a bomb of any size fits into an archive of any size."""
    path = raw_zip(tmp_path / "a.zip", [b"Cat/1.jpg", b"Cat/2.jpg"])
    data = path.read_bytes()
    at = data.rindex(b"PK\1\2")
    path.write_bytes(data[: at + 42] + bytes(4) + data[at + 46 :])
    assert "overlaps" in refused(path, tmp_path)


def zstandard(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


def test_a_tar_by_zstandard_is_read_in_bounded_memory(tmp_path: Path) -> None:
    whole = make_tar(tmp_path / "a.tar", GOOD, "w").read_bytes()
    path = tmp_path / "a.tar.zst"
    half = len(whole) // 2
    path.write_bytes(zstandard(whole[:half]) + zstandard(whole[half:]))
    assert archives.extract(path, tmp_path / "out").files == len(GOOD)
    assert (tmp_path / "out" / "Cat" / "1.jpg").read_bytes() == GOOD["Cat/1.jpg"]
    for kept in (10, 500, len(path.read_bytes()) - 9):
        (tmp_path / "cut").write_bytes(path.read_bytes()[:kept])
        assert refused(tmp_path / "cut", tmp_path)
    # A frame that asks for a window of 2 GB.
    path.write_bytes(b"\x28\xb5\x2f\xfd\0" + bytes([21 << 3]) + b"\1\0\0")
    assert "128 MB" in refused(path, tmp_path)
    path.write_bytes(zstandard(b"no archive" * 100))
    assert "neither" in refused(path, tmp_path)


def test_1800_folders_deep_is_refused_and_40000_empty_ones_take_seconds(tmp_path: Path) -> None:
    deep = "d/" * 400 + "1.jpg"
    for make in (make_zip, make_tar):
        assert "folders deep" in refused(make(tmp_path / "deep", {deep: b"x"}), tmp_path)
    assert "folders deep" in refused(
        raw_zip(tmp_path / "deeper", [b"d/" * 1800 + b"1.jpg"]), tmp_path
    )
    names = [f"{number}/" for number in range(40_000)]
    with zipfile.ZipFile(tmp_path / "wide.zip", "w") as archive:
        for name in [*names, "0/1.jpg"]:
            archive.writestr(name, b"")
    start = time.monotonic()
    assert archives.extract(tmp_path / "wide.zip", tmp_path / "out").files == 1
    assert time.monotonic() - start < 60


def test_headers_that_only_add_up_to_much_are_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("pax")
    member.type, member.size = tarfile.XGLTYPE, 2**19
    line = b"%d comment=" % 2**19
    header = member.tobuf(tarfile.USTAR_FORMAT) + line + b"x" * (2**19 - len(line) - 1) + b"\n"
    (tmp_path / "a.tar").write_bytes(
        header * 20 + make_tar(tmp_path / "b.tar", GOOD, "w").read_bytes()
    )
    assert "headers" in refused(tmp_path / "a.tar", tmp_path)


def test_two_tars_joined_are_not_half_read(tmp_path: Path) -> None:
    first, second = (
        make_tar(tmp_path / name, {f"{name}/1.jpg": b"x"}, "w").read_bytes() for name in ("a", "b")
    )
    (tmp_path / "c.tar").write_bytes(first + second)
    assert "joined" in refused(tmp_path / "c.tar", tmp_path)


def test_a_sparse_file_is_called_one(tmp_path: Path) -> None:
    member = tarfile.TarInfo("Cat/1.jpg")
    member.type = tarfile.GNUTYPE_SPARSE
    assert "sparse" in refused(make_tar_of(tmp_path / "a.tar", member), tmp_path)


def test_unpacking_takes_no_more_memory_for_more_entries(tmp_path: Path) -> None:
    """Peak memory of a process that unpacks, in MB over what it was before: 40,000 entries, all but one junk."""
    entries = {f"Cat/.{n:06d}": b"" for n in range(40_000)} | {"Cat/1.jpg": b"x"}
    make_tar(tmp_path / "a.tar", entries, "w")
    program = (
        "import resource, sys; from pathlib import Path; from core.io import archives\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before = peak(); archives.extract(Path(sys.argv[1]), Path(sys.argv[2])); print(peak() - before)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.tar"), str(tmp_path / "out")],
        cwd=settings.PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(run.stdout) < 20
