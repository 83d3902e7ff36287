"""What an endpoint keeps of the photos it was sent, and what is read from it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from core.endpoints import capture
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.specs import EndpointSpec


@pytest.fixture
def folder(home: Path) -> RunFolder:
    job, lock = jobs.create(jobs.new_id("endpoint"), "endpoint", "Kept", "local", {})
    assert lock is not None
    os.close(lock)
    return job.folder


def answer(label: str = "cat", probability: float = 0.9) -> dict[str, Any]:
    return {
        "predictions": [{"label": label, "probability": probability}],
        "unsure": probability < 0.5,
        "unfamiliar": False,
        "latency_ms": 1.0,
    }


def recorded(
    folder: RunFolder, photos: list[bytes], share: float = 1.0, most: int = 1000, size: int = 2**20
) -> None:
    recorder = capture.Recorder(
        folder, EndpointSpec("e", "m", capture_share=share, capture_photos=most, capture_bytes=size)
    )
    for number, photo in enumerate(photos):
        recorder.offer(photo, answer("cat" if number % 2 else "dog"))
        while recorder._queue.qsize() > capture.MAX_WAITING // 2:
            pass
    recorder.close()


def test_photos_and_answers_are_kept_as_they_came(folder: RunFolder) -> None:
    recorded(folder, [b"one", b"two"])
    kept = capture.read(folder)
    assert list(kept.columns) == list(capture.COLUMNS)
    assert list(kept["prediction"]) == ["dog", "cat"]
    assert list(kept["image_id"]) == [
        hashlib.sha256(photo).hexdigest() for photo in (b"one", b"two")
    ]
    assert [(capture.folder_of(folder) / name).read_bytes() for name in kept["file"]] == [
        b"one",
        b"two",
    ]


def test_nothing_is_kept_where_nothing_was_asked_for(folder: RunFolder) -> None:
    recorded(folder, [b"one"] * 20, share=0.0)
    assert capture.read(folder).empty
    assert capture.stamp(folder) == (0, 0.0)


def test_about_the_share_asked_for_is_kept(folder: RunFolder) -> None:
    recorded(folder, [str(number).encode() for number in range(800)], share=0.25)
    assert 120 < len(capture.read(folder)) < 280


@pytest.mark.parametrize(
    ("most", "size", "length"), [(40, 2**30, 10), (10_000, 2**20, 2**14)], ids=["photos", "bytes"]
)
def test_the_oldest_go_where_a_bound_is_reached(
    folder: RunFolder, most: int, size: int, length: int
) -> None:
    photos = [str(number).encode().ljust(length, b".") for number in range(150)]
    recorded(folder, photos, most=most, size=size)
    kept = capture.read(folder)
    files = [
        path
        for path in capture.folder_of(folder).rglob("*")
        if path.is_file() and path.name != capture.ANSWERS
    ]
    assert len(files) == len(kept) <= most
    assert sum(path.stat().st_size for path in files) <= size + length * capture.SEGMENTS
    assert kept["image_id"].iloc[-1] == hashlib.sha256(photos[-1]).hexdigest(), (
        "the newest is there"
    )
    assert hashlib.sha256(photos[0]).hexdigest() not in set(kept["image_id"]), "the oldest is not"


def test_half_a_line_of_a_killed_server_hides_no_other(folder: RunFolder) -> None:
    recorded(folder, [b"one", b"two"])
    (path,) = capture.folder_of(folder).rglob(capture.ANSWERS)
    lines = path.read_text().splitlines()
    path.write_text(
        lines[0] + "\nnot json\n" + json.dumps({"time": 1}) + "\n" + lines[1] + "\n" + lines[0][:30]
    )
    assert len(capture.read(folder)) == 2


def test_the_stamp_changes_with_what_is_kept(folder: RunFolder) -> None:
    recorded(folder, [b"one"])
    before = capture.stamp(folder)
    recorded(folder, [b"two"])
    assert capture.stamp(folder) != before


def test_nobody_else_on_the_machine_reads_what_is_kept(folder: RunFolder) -> None:
    recorded(folder, [b"one", b"two"])
    root = capture.folder_of(folder)
    modes = {path.stat().st_mode & 0o777 for path in root.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (root, *root.iterdir())} == {0o700}
