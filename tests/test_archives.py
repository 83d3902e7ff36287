"""Archives: real ones, broken and hostile in every way that the fault list names."""

from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import subprocess
import tarfile
import time
import unicodedata
import zipfile
from pathlib import Path

import pytest

from core import archives, settings
from core.datasets.names import shown
from core.errors import BadArchive, UserError

TAR_MODES = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}


def make_zip(path: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
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


GOOD = {"Cat/1.jpg": b"a" * 3000, "Cat/2.jpg": b"b" * 512, "Dog/sub/3.jpg": os.urandom(70_000), "README": b""}


@pytest.mark.parametrize("kind", ["zip", *TAR_MODES])
def test_unpacks_what_is_in_it_whatever_its_name_says(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    make_zip(path, GOOD) if kind == "zip" else make_tar(path, GOOD, TAR_MODES[kind])
    seen: list[tuple[int, int]] = []
    report = archives.extract(path, tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
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
        (tmp_path / "in" / name).mkdir() if name.endswith("/") else (tmp_path / "in" / name).write_bytes(b"x" * 512)
    subprocess.run(["tar", "-C", str(tmp_path / "in"), "-czf", str(tmp_path / "a.tgz"), "."], check=True)
    archives.extract(tmp_path / "a.tgz", tmp_path / "out")
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*")) == sorted(
        ["Cat", "Cat/1.jpg", "Dog", names[2], "Empty"]
    )


def test_stops_when_asked_and_leaves_nothing(tmp_path: Path) -> None:
    for path in (make_zip(tmp_path / "a.zip", GOOD), make_tar(tmp_path / "a.tgz", GOOD)):
        with pytest.raises(UserError, match=r"Nothing was kept"):
            archives.extract(path, tmp_path / "place" / "out", should_stop=lambda: True)
        assert list((tmp_path / "place").iterdir()) == []


def test_a_full_disk_is_named_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MIN_FREE_BYTES", 2**62)
    for path in (make_zip(tmp_path / "a.zip", GOOD), make_tar(tmp_path / "a.tgz", GOOD)):
        with pytest.raises(UserError, match="free"):
            archives.extract(path, tmp_path / "place" / "out")
        assert list((tmp_path / "place").iterdir()) == []


OUTSIDE = ["../x.jpg", "/x.jpg", "C:/x.jpg", "a\\..\\x.jpg", "a/../../x.jpg", "a\nb.jpg", "a/" + "x" * 300]


@pytest.mark.parametrize("name", [*OUTSIDE, "a\0b.jpg"])
def test_fault_01_names_that_lead_outside_a_zip(name: str, tmp_path: Path) -> None:
    # zipfile mends some names on writing, so the name is put into the finished archive.
    written = "n" * len(name)
    path = make_zip(tmp_path / "a.zip", {"Cat/1.jpg": b"fine", written: b"evil"})
    path.write_bytes(path.read_bytes().replace(written.encode(), name.encode()))
    message = refused(path, tmp_path)
    assert repr(shown(name)) in message
    assert not (tmp_path / "x.jpg").exists()


@pytest.mark.parametrize("name", OUTSIDE)
def test_fault_01_names_that_lead_outside_a_tar(name: str, tmp_path: Path) -> None:
    message = refused(make_tar(tmp_path / "a.tgz", {"Cat/1.jpg": b"fine", name: b"evil"}), tmp_path)
    assert repr(shown(name)) in message
    assert not (tmp_path / "x.jpg").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_fault_02_tar_links_and_devices(kind: bytes, tmp_path: Path) -> None:
    member = tarfile.TarInfo("Cat/passwd.jpg")
    member.type, member.linkname = kind, "/etc/passwd"
    assert "passwd.jpg" in refused(make_tar_of(tmp_path / "a.tar", member), tmp_path)


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


def test_fault_03_a_tar_bomb_is_refused_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ARCHIVE_RATIO_FROM", 2**20)
    assert "bomb" in refused(make_tar(tmp_path / "bomb.tgz", {f"Cat/{n}.jpg": bytes(2**19) for n in range(9)}), tmp_path)


def test_fault_03_a_header_that_would_fill_the_memory(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar", {"Cat/1.jpg": b"x"}, "w")
    member = tarfile.TarInfo("pax")
    member.type, member.size = tarfile.XHDTYPE, 8 * 2**30
    path.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + path.read_bytes())
    assert "header" in refused(path, tmp_path)


@pytest.mark.parametrize("declared", [10, 5_000])
def test_fault_04_sizes_that_lie(declared: int, tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"Cat/1.jpg": os.urandom(999)}, zipfile.ZIP_STORED if declared < 999 else zipfile.ZIP_DEFLATED)
    path.write_bytes(path.read_bytes().replace(struct.pack("<L", 999), struct.pack("<L", declared)))
    assert refused(path, tmp_path)


def test_fault_05_too_many_entries(tmp_path: Path) -> None:
    """A table of contents that names one file 200,000 times over: 46 bytes each, and nothing else."""
    fields = (0x02014B50, 20, 20, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0)
    table = b"".join(struct.pack("<L6H3L5H2L", *fields) + b"%06d.jpg" % number for number in range(200_000))
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
    entries = {"__MACOSX/Cat/._1.jpg": b"x", "Cat/.DS_Store": b"x", "Cat/Thumbs.db": b"x", "Cat/1.jpg": b"x"}
    for make in (make_zip, make_tar):
        report = archives.extract(make(tmp_path / "a", entries), tmp_path / make.__name__)
        assert (report.files, report.ignored) == (1, {"hidden or system file": 3})
        assert [path.name for path in (tmp_path / make.__name__).rglob("*")] == ["Cat", "1.jpg"]


CAFE = unicodedata.normalize("NFC", "Café"), unicodedata.normalize("NFD", "Café")


@pytest.mark.parametrize("twins", [("Cat", "cat"), CAFE, ("Cat", "Cat ")])
def test_fault_08_folders_that_differ_only_in_their_spelling(twins: tuple[str, str], tmp_path: Path) -> None:
    for make in (make_zip, make_tar):
        message = refused(make(tmp_path / "a", {f"{twins[0]}/1.jpg": b"x", f"{twins[1]}/2.jpg": b"y"}), tmp_path)
        assert all(f"{name!r}" in message for name in twins)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_fault_08_an_entry_that_is_there_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("Cat/1.jpg", b"x")
        archive.writestr("Cat/1.jpg", b"y")
    assert "twice" in refused(tmp_path / "a.zip", tmp_path)
    assert "twice" in refused(make_tar(tmp_path / "a.tar", {"Cat": b"x", "Cat/1.jpg": b"y"}), tmp_path)
