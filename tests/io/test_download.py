"""Downloads from a real server that breaks connections, lies about the length and serves wrong bytes: right in the end, or said why not."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from core import settings
from core.errors import UserError
from core.io import download
from core.io.download import Published
from tests.serving import Script, serving

DATA = np.random.default_rng(0).bytes(300_000)
OTHER = DATA[:1000] + b"x" + DATA[1001:]


def published(*addresses: str, data: bytes = DATA) -> Published:
    return Published(
        "birds.tgz", addresses, hashlib.md5(data, usedforsecurity=False).hexdigest(), len(DATA)
    )


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "WAIT_SECONDS", (0.0, 0.01))


def test_a_whole_file_comes_once_and_is_known_again(tmp_path: Path) -> None:
    script = Script(DATA)
    seen: list[tuple[int, int]] = []
    with serving(script) as address:
        for _ in range(2):
            path = download.fetch(
                published(address), tmp_path, lambda done, total: seen.append((done, total))
            )
    assert path.read_bytes() == DATA
    assert script.asked == [""]
    assert seen[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert [item.name for item in tmp_path.iterdir()] == ["birds.tgz"]


def test_two_broken_connections_are_continued_where_they_broke(tmp_path: Path) -> None:
    script = Script(DATA, drops=[100_000, 50_000])
    with serving(script) as address:
        assert download.fetch(published(address), tmp_path).read_bytes() == DATA
    assert script.asked == ["", "bytes=100000-", "bytes=150000-"]


def test_a_server_that_can_not_continue_sends_it_all_again(tmp_path: Path) -> None:
    script = Script(DATA, drops=[100_000], ranges=False)
    with serving(script) as address:
        assert download.fetch(published(address), tmp_path).read_bytes() == DATA
    assert len(script.asked) == 2


@pytest.mark.parametrize("lie", [5000, -5000])
def test_a_lie_about_the_length_is_found_out(lie: int, tmp_path: Path) -> None:
    """Too long: the rest never comes, and the checksum says that it is all. Too short: the end is missing, and another address has it."""
    with serving(Script(DATA, lie=lie)) as liar, serving(Script(DATA)) as honest:
        assert download.fetch(published(liar, honest), tmp_path).read_bytes() == DATA


def test_wrong_bytes_are_thrown_away_and_asked_for_again(tmp_path: Path) -> None:
    script = Script(DATA, wrong=[OTHER])
    with serving(script) as address:
        assert download.fetch(published(address), tmp_path).read_bytes() == DATA
    assert script.asked == ["", ""]


def test_a_part_that_came_broken_does_not_spoil_the_next_address_for_ever(tmp_path: Path) -> None:
    first = Script(DATA, wrong=[OTHER], drops=[100_000], statuses=[])
    with serving(first) as broken, serving(Script(DATA)) as honest:
        assert download.fetch(published(broken, honest), tmp_path).read_bytes() == DATA


def test_addresses_are_tried_in_order(tmp_path: Path) -> None:
    gone, busy, fine = (
        Script(DATA, statuses=[404] * 9),
        Script(DATA, statuses=[503, 503]),
        Script(DATA),
    )
    with serving(gone) as first, serving(busy) as second, serving(fine) as third:
        assert download.fetch(published(first, second, third), tmp_path).read_bytes() == DATA
    assert (len(gone.asked), len(busy.asked), len(fine.asked)) == (1, 3, 0)


def test_where_no_address_has_it_each_says_why_and_what_came_is_kept(tmp_path: Path) -> None:
    stuck = Script(DATA, drops=[40_000, *[0] * 50])
    with (
        serving(stuck) as first,
        serving(Script(DATA, statuses=[403] * 9)) as second,
        pytest.raises(UserError) as refusal,
    ):
        download.fetch(published(first, second, "http://127.0.0.1:9/birds.tgz"), tmp_path)
    assert "repeatedly" in str(refusal.value)
    assert "403" in str(refusal.value)
    assert "127.0.0.1:9" in str(refusal.value)
    assert "in a browser" in str(refusal.value)
    assert (tmp_path / "birds.tgz.part").read_bytes() == DATA[:40_000]


def test_only_wrong_bytes_everywhere_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        serving(Script(OTHER)) as address,
        pytest.raises(UserError, match="differs from the published"),
    ):
        download.fetch(published(address), tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_answer_for_another_place_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "birds.tgz.part").write_bytes(DATA[:1000])
    with serving(Script(DATA, shift=7)) as wrong, serving(Script(DATA)) as honest:
        assert download.fetch(published(wrong, honest), tmp_path).read_bytes() == DATA


def test_an_endless_answer_is_cut_off(tmp_path: Path) -> None:
    with serving(Script(DATA * 3)) as address, pytest.raises(UserError, match="sends more than"):
        download.fetch(published(address), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_stop_keeps_the_part_for_the_next_time(tmp_path: Path) -> None:
    script = Script(DATA, pause=0.005)
    part = tmp_path / "birds.tgz.part"

    def check() -> None:
        if part.is_file() and part.stat().st_size > 50_000:
            raise UserError("stopped")

    with serving(script) as address:
        with pytest.raises(UserError, match="stopped"):
            download.fetch(published(address), tmp_path, check=check)
        had = part.stat().st_size
        script.pause = 0.0
        assert download.fetch(published(address), tmp_path).read_bytes() == DATA
    assert script.asked[-1] == f"bytes={had}-"


def test_free_space_is_asked_for_before_a_byte_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MIN_FREE_BYTES", 2**62)
    script = Script(DATA)
    with serving(script) as address, pytest.raises(UserError, match="Free some space"):
        download.fetch(published(address), tmp_path)
    assert script.asked == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_fault_31_a_disk_that_fills_up_is_no_fault_of_the_network(tmp_path: Path) -> None:
    (tmp_path / "birds.tgz.part").symlink_to("/dev/full")
    script = Script(DATA)
    with serving(script) as address, pytest.raises(UserError, match=os.strerror(errno.ENOSPC)):
        download.fetch(published(address), tmp_path)
    assert len(script.asked) == 1
