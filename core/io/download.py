"""A published file by HTTP: addresses tried in order, continued where a connection broke, and taken
only when its MD5 is right."""

from __future__ import annotations

import hashlib
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from io import FileIO
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import UserError
from core.io import files

Progress = Callable[[int, int], None]

CHUNK = 2**18
TIMEOUT_SECONDS = 30.0
# An address is given up after so many attempts in a row that brought nothing; sooner where nothing
# has ever come from it.
IDLE_TRIES = 4
FIRST_TRIES = 3
WAIT_SECONDS = (0.5, 2.0, 8.0)
# Once more from the first address, and from nothing: a part that came broken spoils what others
# added to it.
ROUNDS = 2
# A server that sends more than this many times the known size does not send that file.
MAX_TIMES = 2


@dataclass(frozen=True)
class Published:
    """A file that is published in several places, always with the same bytes.

    `size` in bytes may be a rough figure.
    """

    name: str
    addresses: tuple[str, ...]
    md5: str
    size: int


class _Unreachable(Exception):
    """An address that gives nothing more; the message says why.

    `dead`: it has not given a single byte.
    """

    def __init__(self, reason: str, *, dead: bool = False) -> None:
        super().__init__(reason)
        self.dead = dead


def fetch(
    what: Published,
    folder: Path,
    progress: Progress = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Path:
    """Return the file in `folder`: the one that is there already where its MD5 is right, else
    downloaded.

    A part that an earlier attempt left is continued. `progress` gets bytes done and in all; `check`
    is called all the time and may raise to stop: the part then stays.

    Raises UserError, with what every address answered, if none of them gives the file, and where
    the disk is full.
    """
    target, part = folder / what.name, folder / f"{what.name}.part"
    folder.mkdir(parents=True, exist_ok=True)
    if target.is_file() and md5(target, check) == what.md5:
        return target
    files.require_free_space(folder, max(0, what.size - _size(part)), f"Downloading {what.name}")
    progress(_size(part), what.size)
    reasons: dict[str, str] = {}
    dead: set[str] = set()
    for address in what.addresses * ROUNDS:
        if address in dead:
            continue
        whole = False
        try:
            _bring(address, part, what.size, progress, check)
            whole = True
        except _Unreachable as error:
            reasons[address] = str(error)
            dead |= {address} if error.dead else set()
        # What a server says of the length may be wrong either way: only the checksum decides.
        if part.is_file() and md5(part, check) == what.md5:
            os.replace(part, target)
            return target
        if whole:
            reasons[address] = "other bytes than the published ones (their MD5 is another)"
        if whole or _size(part) >= what.size:
            part.unlink(missing_ok=True)
    listed = "; ".join(
        f"{urlsplit(address).netloc}: {reason}" for address, reason in reasons.items()
    )
    raise UserError(
        f"{what.name} could not be downloaded. {listed}. Try again later: what has come so far is "
        "kept. Or download it in a browser "
        f"from {what.addresses[0]} and choose the file.",
        field="path",
    )


def md5(path: Path, check: Callable[[], None] = lambda: None) -> str:
    """Return the MD5 of a file in hex. Raises OSError if it can't be read."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(16 * CHUNK):
            digest.update(chunk)
            check()
    return digest.hexdigest()


def _bring(
    address: str, part: Path, size: int, progress: Progress, check: Callable[[], None]
) -> None:
    """Add to `part` until the server says that this is all.

    Raises _Unreachable if it does not come that far.
    """
    idle, reason, began = 0, "no answer", _size(part)
    while idle < (IDLE_TRIES if _size(part) > began else FIRST_TRIES):
        _wait(WAIT_SECONDS[min(idle, len(WAIT_SECONDS)) - 1] if idle else 0, check)
        before = _size(part)
        try:
            if _read_on(address, part, size, progress, check):
                return
            reason = "the connection broke again and again"
        except urllib.error.HTTPError as error:
            reason = f"it answers {error.code} {error.reason}"
            if (
                error.code < HTTPStatus.INTERNAL_SERVER_ERROR
                and error.code != HTTPStatus.TOO_MANY_REQUESTS
            ):
                raise _Unreachable(reason, dead=True) from error
        except (OSError, HTTPException) as error:
            reason = str(getattr(error, "reason", "") or error) or type(error).__name__
        idle = 0 if _size(part) > before else idle + 1
    raise _Unreachable(reason, dead=_size(part) <= began)


def _read_on(
    address: str, part: Path, size: int, progress: Progress, check: Callable[[], None]
) -> bool:
    """Return one connection. Whether the server has sent all that it says there is."""
    start = _size(part)
    request = urllib.request.Request(
        address,
        headers={"User-Agent": "Fieldmark", **({"Range": f"bytes={start}-"} if start else {})},
    )
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return _is_whole(error.headers.get("Content-Range", ""), part, start)
        raise
    with response:
        start, total = _begins(response, start)
        done = start
        with _opened(part, start) as file:
            while chunk := response.read1(CHUNK):
                done += len(chunk)
                if done > MAX_TIMES * size:
                    raise _Unreachable(f"it sends more than {files.human_bytes(MAX_TIMES * size)}")
                _write(file, chunk)
                progress(done, max(total or size, done))
                check()
    return total is None or done >= total


def _begins(response: HTTPResponse, start: int) -> tuple[int, int | None]:
    """Return where in the file the answer begins, and how long it says the file is; a server may
    well send all from the beginning."""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if found and int(found[1]) == start:
            return start, None if found[2] == "*" else int(found[2])
        raise _Unreachable("it answers with another part of the file than the one asked for")
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _is_whole(content_range: str, part: Path, start: int) -> bool:
    """Return whether a server that has nothing more to send agrees that this is all; a part longer
    than its file is dropped."""
    found = re.fullmatch(r"bytes \*/(\d+)", content_range)
    if found and int(found[1]) < start:
        part.unlink(missing_ok=True)
        return False
    return True


def _opened(part: Path, start: int) -> FileIO:
    try:
        return part.open("ab" if start else "wb", buffering=0)
    except OSError as error:
        raise UserError(files.os_reason(error)) from error


def _write(file: FileIO, chunk: bytes) -> None:
    """A disk that is full is no matter of the network."""
    left = memoryview(chunk)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError as error:
        raise UserError(files.os_reason(error)) from error


def _wait(seconds: float, check: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while True:
        check()
        if time.monotonic() >= until:
            return
        time.sleep(0.05)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
