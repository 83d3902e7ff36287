"""Sends an endpoint requests of 200 bad kinds and three attacks; afterwards it has to answer as before.

A fault is an answer of 500 and more that is no 503, an error of another shape, a request that is
held for good, a restart, a changed answer, memory that is kept, or a slow /ping in an attack.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from core.backends.local.endpoints import doors
from tests.faults import _photos, _requests
from tests.faults._endpoint import Outcome, Target, outcome, serving
from tests.faults._requests import Sent, request

CLIENTS = 16
GOOD = 10
SILENT = 1100
SLOW_HEADS = 25
SILENT_REQUESTS = 130
BOMBS = 8
SECONDS_A_ROUND = 0.1
MOST_SECONDS = 3600
KEPT_MB = 300
PING_SECONDS = 1.0
SETTLE_SECONDS = 20

Figures = dict[str, int | float | str]


def run(rounds: int, seed: int) -> Figures:
    """Fuzz and attack a real endpoint."""
    doors.raise_file_limit()
    with serving() as target:
        return fuzz(target, rounds, seed) | {"kinds": len(makers())}


def makers() -> dict[str, _requests.Maker]:
    return _requests.kinds() | _requests.slow() | _requests.expensive()


def fuzz(target: Target, rounds: int, seed: int, *, attacks: bool = True) -> Figures:
    """Return the figures, with the number of faults."""
    photos = [_photos.encoded(_photos.picture(seed=number), "JPEG") for number in range(GOOD)]
    for photo in photos * 5:
        target.answer(photo)
    before = [target.answer(photo) for photo in photos]
    warm, log = target.megabytes(), log_size(target)
    plan = list(planned(rounds, seed))
    found = sent(target, plan[: rounds // 2])
    half = settled(target, warm)
    found += sent(target, plan[rounds // 2 :])
    figures: Figures = attacked(target, photos[0]) if attacks else {}
    figures |= {"warm MB": warm, "half MB": half, "end MB": settled(target, warm)}
    figures["log KB"] = (log_size(target) - log) // 1024
    return judged(target, figures, found, sum(map(differs(target), photos, before)))


def judged(target: Target, figures: Figures, found: Counter[str], changed: int) -> Figures:
    """Return the figures with what is counted as a fault."""
    slow = [name for name, value in figures.items() if is_late(name, value)]
    wrong = {
        "5xx": sum(number for what, number in found.items() if is_5xx(what)),
        "hangs": found["hang"],
        "errors of another shape": found["other shape"],
        "restarts": int(not target.process.is_running()),
        "changed answers": changed,
        "slow pings": len(slow),
        "memory kept": int(float(figures["end MB"]) > float(figures["warm MB"]) + KEPT_MB),
    }
    statuses: Figures = {f"answered {what}": found[what] for what in sorted(found)}
    return {**statuses, **figures, **wrong, "faults": sum(wrong.values())}


def is_5xx(what: str) -> bool:
    return what.startswith("5") and what != "503"


def is_late(name: str, value: float | str) -> bool:
    return name.startswith("ping") and float(value) > PING_SECONDS


def log_size(target: Target) -> int:
    return target.log.stat().st_size


def differs(target: Target) -> Callable[[bytes, object], bool]:
    return lambda photo, before: target.answer(photo) != before


def planned(rounds: int, seed: int) -> Iterator[tuple[str, Sent]]:
    """Yield every kind in turn, in random order; one in a hundred slow, one in two hundred
    expensive."""
    rng = random.Random(seed)
    cheap, slow, costly = _requests.kinds(), _requests.slow(), _requests.expensive()
    for number in range(rounds):
        chosen = costly if number % 200 == 150 else slow if number % 100 == 50 else cheap
        if number % len(cheap) == 0:
            order = rng.sample(sorted(cheap), len(cheap))
        name = order[number % len(cheap)] if chosen is cheap else rng.choice(sorted(chosen))
        yield name, chosen[name](rng)


def sent(target: Target, plan: list[tuple[str, Sent]]) -> Counter[str]:
    """Return what became of the requests, sent by CLIENTS at once, within a time that is
    bounded."""
    until = time.monotonic() + min(MOST_SECONDS, 120 + SECONDS_A_ROUND * len(plan))

    def one(named: tuple[str, Sent]) -> Outcome:
        return outcome(target, named[1]) if time.monotonic() < until else Outcome("not sent")

    found: Counter[str] = Counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for (name, _), result in zip(plan, pool.map(one, plan), strict=True):
            found[result.what] += 1
            found["other shape"] += not result.is_shaped
            if is_5xx(result.what) or result.what == "hang" or not result.is_shaped:
                print(f"{name}: {result}", flush=True)
    return found


def settled(target: Target, warm: float) -> float:
    """Memory in MB, as soon as it is near what it was, or after SETTLE_SECONDS."""
    until = time.monotonic() + SETTLE_SECONDS
    while target.megabytes() > warm + 100 and time.monotonic() < until:
        time.sleep(0.5)
    return target.megabytes()


def attacked(target: Target, photo: bytes) -> Figures:
    """Worst /ping and worst answer to a good photo in seconds, for each attack."""
    figures: Figures = {}
    for name, attack in ATTACKS.items():
        pings, answers = [0.0], [0.0]
        with repeated(target.ping, pings), repeated(lambda: timed(target, photo), answers):
            figures[f"lasted, {name}"] = round(attack(target), 1)
        figures[f"ping, {name}"] = round(max(pings), 2)
        figures[f"photo, {name}"] = round(max(answers), 2)
    figures["peak MB"] = round(peak(target))
    return figures


def peak(target: Target) -> float:
    lines = Path(f"/proc/{target.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def timed(target: Target, photo: bytes) -> float:
    start = time.perf_counter()
    target.answer(photo)
    return time.perf_counter() - start


@contextmanager
def repeated(measure: Callable[[], float], found: list[float]) -> Iterator[None]:
    """Measure again and again while the context lasts; a failure is an infinity."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.1):
            try:
                found.append(measure())
            except (OSError, ValueError, KeyError) as error:
                print(f"no answer: {error!r}", flush=True)
                found.append(float("inf"))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def silent_connections(target: Target) -> float:
    """More connections than most processes may have, held for longer than they may last."""
    start = time.monotonic()
    held = []
    for _ in range(SILENT):
        with suppress(OSError):
            held.append(target.connect())
    time.sleep(doors.HEAD_SECONDS + 2)
    close(held)
    return time.monotonic() - start


def slow_heads(target: Target) -> float:
    """Clients whose heads never end; it returns once the server has given all of them up."""
    start = time.monotonic()
    begun = Sent(b"POST /invocations HTTP/1.1\r\nHost: {host}\r\n", drip=b"X-More: 1\r\n")
    with ThreadPoolExecutor(SLOW_HEADS) as pool:
        list(pool.map(lambda _: outcome(target, begun), range(SLOW_HEADS)))
    return time.monotonic() - start


def silent_requests(target: Target) -> float:
    """More open requests than may be, none of which sends its photo."""
    start = time.monotonic()
    held = []
    for _ in range(SILENT_REQUESTS):
        held.append(target.connect())
        held[-1].sendall(target.raw(Sent(request(length="100000"))))
    time.sleep(5)
    close(held)
    return time.monotonic() - start


def bombs(target: Target) -> float:
    """Legal photos that take long to decode, all at once."""
    start = time.monotonic()
    bodies = [_photos.scans(6000, 1500), _photos.scans(6000, 40), _photos.png(7000, 7000, 16, 6)]
    with ThreadPoolExecutor(BOMBS) as pool:
        list(pool.map(lambda at: outcome(target, Sent(request(bodies[at % 3]))), range(3 * BOMBS)))
    return time.monotonic() - start


def close(connections: list[socket.socket]) -> None:
    for connection in connections:
        connection.close()


ATTACKS = {
    f"{SILENT} silent connections": silent_connections,
    f"{SLOW_HEADS} endless heads": slow_heads,
    f"{SILENT_REQUESTS} silent requests": silent_requests,
    f"{3 * BOMBS} photos that are slow to decode": bombs,
}
