"""Which photos are answered apart because they take much memory or time, and what is given back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from PIL import Image

from core import settings
from core.backends.local.endpoints import memory
from core.backends.local.endpoints import service as serving
from core.backends.local.endpoints.service import Service
from core.jobs import processes
from tests.backends.test_server import Toy
from tests.faults import _photos

T = TypeVar("T")
FREES = """
import psutil
from core.backends.local.endpoints import memory
from core.jobs import processes
kept = memory.Keeper()
process = psutil.Process()
warm = process.memory_info().rss
held = [bytes(60_000) for _ in range(8000)]
high = process.memory_info().rss
# The newest goes last: what is free lies below what is in use.
newest = held.pop()
del held
before = process.memory_info().rss
kept.give_back()
print(*(round((size - warm) / 2**20) for size in (high, before, process.memory_info().rss)))
"""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs it in a thread of its own: a browser of an earlier test keeps the main thread's loop running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@pytest.mark.parametrize(
    ("photo", "large"),
    [
        (b"", False),
        (b"no photo", False),
        (_photos.png(1500, 1000), False),
        (_photos.png(2500, 2000), True),
        (_photos.encoded(Image.new("RGB", (4032, 3024)), "JPEG"), False),
        (_photos.encoded(Image.new("RGB", (4032, 3024)), "JPEG", progressive=True), True),
        (_photos.scans(64, 90), True),
        (_photos.png_head(60_000, 60_000), False),
    ],
    ids=["empty", "text", "1.5 MP", "5 MP PNG", "phone", "progressive", "scans", "refused"],
)
def test_what_takes_much_memory_is_large(photo: bytes, large: bool) -> None:
    assert memory.is_large(photo) is large


def test_what_was_freed_is_given_back_though_the_allocator_would_keep_it() -> None:
    run = subprocess.run(
        [sys.executable, "-c", FREES],
        cwd=settings.PROJECT,
        env=processes.worker_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    high, before, after = map(int, run.stdout.split())
    assert high > 400
    assert before > 400, "the allocator kept it"
    assert after < 50


def test_large_photos_are_answered_one_at_a_time_and_hold_no_other_up() -> None:
    class Slow(Toy):
        def __init__(self) -> None:
            super().__init__()
            self.at_once = self.most = 0

        def input_fn(self, body: bytes, content_type: str) -> bytes:
            if memory.is_large(body):
                self.at_once += 1
                self.most = max(self.most, self.at_once)
                assert self.go_on.wait(10)
                self.at_once -= 1
            return super().input_fn(body, content_type)

    toy = Slow()
    service = Service(toy, None, workers=2)
    large = _photos.png(2500, 2000)

    async def asked() -> int:
        waiting = asyncio.create_task(service.answers([(large, "image/png")] * 4))
        while not toy.at_once:
            await asyncio.sleep(0.01)
        small = await asyncio.wait_for(service.answers([(b"small", "image/png")] * 4), 10)
        assert not waiting.done(), "the small ones overtook them"
        toy.go_on.set()
        return len(small) + len(await waiting)

    assert run(asked()) == 8
    assert toy.most == 1


def test_a_photo_without_an_answer_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "ANSWER_SECONDS", 0.2)
    toy = Toy()
    service = Service(toy, None)
    (answer,) = run(service.answers([(b"wait", "image/png")]))
    assert isinstance(answer, serving.Busy)
    assert (answer.status, answer.code) == (503, "busy")
    assert service.waiting == 0
    toy.go_on.set()
