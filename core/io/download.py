"""Download of a published file by HTTP: addresses are tried in order, broken downloads are resumed,
and the MD5 is checked."""

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
# Attempts in a row without a byte after which an address is given up; fewer if it never sent any.
IDLE_TRIES = 4
FIRST_TRIES = 3
WAIT_SECONDS = (0.5, 2.0, 8.0)
# One more pass from the first address and from zero, because a damaged part spoils what was
# appended to it.
ROUNDS = 2
# A server that sends more than this multiple of the known size sends another file.
MAX_TIMES = 2


@dataclass(frozen=True)
class Published:
    """A file that is published at several addresses with the same bytes. `size` in bytes may be
    approximate."""

    name: str
    addresses: tuple[str, ...]
    md5: str
    size: int


class _Unreachable(Exception):
    """An address sends no more; the message says why. `dead`: it has never sent a byte."""

    def __init__(self, reason: str, *, dead: bool = False) -> None:
        super().__init__(reason)
        self.dead = dead


def fetch(
    what: Published,
    folder: Path,
    progress: Progress = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Path:
    """Return the file in `folder`: the existing one if its MD5 is right, else downloaded. A partial
    file of an earlier attempt is resumed. `progress` gets bytes done and in all; `check` is called
    often and may raise to stop, which keeps the partial file. Raises UserError, with the answer of
    every address, if none of them has the file, and if the disk is full."""
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
        # The length that a server declares may be wrong: only the checksum decides.
        if part.is_file() and md5(part, check) == what.md5:
            os.replace(part, target)
            return target
        if whole:
            reasons[address] = "the file differs from the published one (wrong MD5)"
        if whole or _size(part) >= what.size:
            part.unlink(missing_ok=True)
    listed = "; ".join(
        f"{urlsplit(address).netloc}: {reason}" for address, reason in reasons.items()
    )
    raise UserError(
        f"{what.name} could not be downloaded. {listed}. Try again later: the part downloaded so "
        "far is kept. Or download it in a browser "
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
    """Append to `part` until the file is complete. Raises _Unreachable if that fails."""
    idle, reason, began = 0, "no answer", _size(part)
    while idle < (IDLE_TRIES if _size(part) > began else FIRST_TRIES):
        _wait(WAIT_SECONDS[min(idle, len(WAIT_SECONDS)) - 1] if idle else 0, check)
        before = _size(part)
        try:
            if _read_on(address, part, size, progress, check):
                return
            reason = "the connection broke repeatedly"
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
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
    """Download over one connection. Return whether the server has sent the whole file."""
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
    """Return the position in the file at which the answer begins, and the declared length of the
    file; a server may send it from the beginning."""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if found and int(found[1]) == start:
            return start, None if found[2] == "*" else int(found[2])
        raise _Unreachable("it sent another part of the file than requested")
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _is_whole(content_range: str, part: Path, start: int) -> bool:
    """Return whether a server with nothing more to send confirms that the part is complete; a part
    longer than the file is removed."""
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
    """Raise UserError for a full disk, which is not a network error."""
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
