"""Files that survive a kill at any byte: atomic writes, safe joins, free space."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from core import settings
from core.errors import UserError

FULL_BYTES = 64 * 1024


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` only when the block ends well (temp file, fsync, replace)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    with atomic(path) as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())


def read_json(path: Path) -> Any:
    """The JSON in `path`. Raises OSError where it can't be read and ValueError where it is not JSON."""
    return json.loads(path.read_bytes())


def safe_join(root: Path, relative: str) -> Path:
    """`root/relative`, links followed, only where the result lies inside `root`; UserError otherwise."""
    resolved = root.resolve()
    target = (resolved / relative).resolve()
    if not target.is_relative_to(resolved):
        raise UserError(f"{relative!r} leads outside {root}. Use a path inside that folder.")
    return target


def require_free_space(folder: Path, needed: int, what: str) -> None:
    """UserError unless `folder`'s disk holds `needed` bytes more and still keeps the reserve."""
    free = shutil.disk_usage(folder).free
    if free - needed < settings.MIN_FREE_BYTES:
        raise UserError(
            f"{what} needs {human_bytes(needed)} and {folder} has {human_bytes(free)} free "
            f"(Fieldmark keeps {human_bytes(settings.MIN_FREE_BYTES)} in reserve). Free some space, or move {settings.ENV_HOME}."
        )


def free_bytes(folder: Path) -> int:
    """What `folder`'s disk still holds beyond the reserve."""
    return max(0, shutil.disk_usage(folder).free - settings.MIN_FREE_BYTES)


def is_full(folder: Path) -> bool:
    """Whether `folder`'s disk has so little room that even a small file may not fit."""
    return shutil.disk_usage(folder).free < FULL_BYTES


def os_reason(error: OSError) -> str:
    """Why the system refused a file operation, in words."""
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return f"The disk is full ({error}). Free some space and try again."
    return f"The system refused a file operation ({error})."


def human_bytes(count: float) -> str:
    """`1536` -> `1.5 KB`, for people."""
    for unit in ("B", "KB", "MB", "GB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"
