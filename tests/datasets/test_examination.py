"""Photos that occupy a decoder, and drives that never answer, do not block an import."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from core.datasets import store
from core.datasets.importing import examination
from core.datasets.importing import run as importing
from core.datasets.importing.run import ImportSource
from core.errors import UserError
from core.io import images
from tests.datasets import made


def large(path: Path) -> Path:
    """Write a photo of 49 megapixels, which takes some tenths of a second to decode."""
    Image.new("RGB", (7000, 7000)).save(path, compress_level=1)
    return path


def test_facts_come_in_order_and_known_ones_are_not_read_again(tmp_path: Path) -> None:
    paths = [f"{number}.png" for number in range(50)]
    for number, path in enumerate(paths):
        made.photo(tmp_path / path, seed=number)
    known = {path: images.Facts("k" * 64, 1, 2, 3, "") for path in paths[::7]}
    read: list[str] = []

    def content(path: str) -> bytes | images.Facts:
        read.append(path)
        return images.content(tmp_path / path)

    reported: list[tuple[int, int, str]] = []
    facts = examination.examine(
        paths, known, content, lambda *counts: reported.append(counts), readers=4, decoders=2
    )
    assert facts == [known.get(path) or images.examine(tmp_path / path) for path in paths]
    assert sorted(read) == sorted(set(paths) - set(known))
    assert reported[-1] == (50, 50, "")


def test_a_photo_that_takes_too_long_is_bad_and_the_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    root = made.class_folders(tmp_path / "in", {"Crow": 5, "Owl": 5})
    large(root / "Owl" / "large.png")
    monkeypatch.setattr(examination, "DECODE_SECONDS", 0.05)
    version = importing.run_import(ImportSource("folder", root), "Birds")
    assert version.report["bad"] == [
        {"path": "Owl/large.png", "problem": "takes longer than 0 s to decode"}
    ]
    assert len(store.manifest_of(version, filters=[("problem", "==", "")])) == 10


def test_too_many_such_photos_end_the_import_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "DECODE_SECONDS", 0.05)
    monkeypatch.setattr(examination, "MAX_GIVEN_UP", 2)
    data = large(tmp_path / "large.png").read_bytes()
    with pytest.raises(UserError, match="3 photos each take longer"):
        examination.examine(
            [str(n) for n in range(9)],
            {},
            lambda path: data,
            lambda *how: None,
            readers=2,
            decoders=2,
        )


def test_a_drive_that_never_answers_holds_nobody_who_asks_to_stop() -> None:
    """Meanwhile the delaying photo is reported."""
    answers, said, began = threading.Event(), [], time.monotonic()

    def read(path: str) -> bytes:
        answers.wait()
        return b""

    def tell(done: int, total: int, at: str) -> None:
        said.append(at)
        if at:
            raise UserError("stopped")

    with pytest.raises(UserError, match="stopped"):
        examination.examine(["a.jpg", "b.jpg"], {}, read, tell, readers=1, decoders=1)
    assert said[-1] == "a.jpg"
    assert time.monotonic() - began < 60
    answers.set()


def test_what_a_reader_raises_is_raised() -> None:
    def read(path: str) -> bytes:
        raise UserError("no way to S3")

    with pytest.raises(UserError, match="no way"):
        examination.examine(["a.jpg"] * 30, {}, read, lambda *how: None, readers=3, decoders=1)
