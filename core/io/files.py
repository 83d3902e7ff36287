"""Files that survive a kill at any byte: atomic writes, safe joins, free space."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from core import settings
from core.errors import NotFound, Unwritable, UserError

FULL_BYTES = 64 * 1024
# What even a small file takes, with what the file system itself notes about it.
SMALL_BYTES = 16 * 1024
DRAFT = ".tmp"
# How a folder is called while it is removed.
DELETED = ".deleted-"
REMOVALS = 3
YOUNG_SECONDS = 1.0
# What this process is making and has to remove where it ends without coming to the end of it.
_unfinished: set[Path] = set()
FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
WHY = {
    errno.ENOSPC: "The disk is full",
    errno.EFBIG: "The disk is full, or no file may grow so large",
    errno.EDQUOT: "The disk is full, as far as your share of it goes",
    errno.EROFS: "that disk can only be read. Make it writable, and try again.",
    errno.EACCES: "Fieldmark has no right to. Give its user that right, and try again.",
    errno.EPERM: "Fieldmark has no right to. Give its user that right, and try again.",
}


@contextmanager
def atomic(path: Path, size: int = 0) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` only when the block ends well (temp file, fsync,
    replace). `size` is what it will take, where that is known.

    The folder has to be there: what was deleted meanwhile never comes back by somebody's writing
    into it. NotFound if it is not, Unwritable if the disk is full or can't be written to.
    """
    handle, name = _draft(path)
    try:
        with _whole(os.fdopen(handle, "wb")) as file:
            try:
                yield file
                file.flush()
                os.fsync(handle)
            except OSError as error:
                raise _told(error, path, max(size, file.tell())) from error
            # Before it is closed: a draft that nobody holds belongs to nobody.
            _put(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _whole(file: BinaryIO) -> Iterator[BinaryIO]:
    """Close a file that was flushed, or is not wanted: what it still holds back has no room."""
    try:
        yield file
    finally:
        with suppress(OSError):
            file.close()


def _draft(path: Path) -> tuple[int, str]:
    """Return a new file, held, from which `path` will be made: among Fieldmark's own temporary
    files where those lie on the same disk, so that what a killed process leaves is found in one
    place."""
    try:
        beside, ours = path.parent, settings.temporary_dir()
        place = ours if ours.stat().st_dev == beside.stat().st_dev else beside
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", suffix=DRAFT, dir=place)
    except OSError as error:
        raise _told(error, path) from error
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle, name


def _put(draft: str, path: Path) -> None:
    try:
        os.replace(draft, path)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise _told(error, path) from error
        # Two mounts of one disk.
        beside = path.with_name(f"{Path(draft).name}")
        shutil.copyfile(draft, beside)
        os.replace(beside, path)
        Path(draft).unlink()


def _told(error: OSError, path: Path, size: int = 0) -> OSError | NotFound:
    """Return the error in words, where there are better ones than the system's."""
    if isinstance(error, FileNotFoundError) and not path.parent.is_dir():
        return NotFound(f"{path.parent} is not there any more: it was deleted meanwhile.")
    return unwritable(error, path, size) or error


def unwritable(error: OSError, path: Path, size: int = 0) -> Unwritable | None:
    """Return what stands in the way of writing `path`, of which `size` bytes were to be written;
    None where it is something else."""
    if isinstance(error, Unwritable) or error.errno not in WHY:
        return error if isinstance(error, Unwritable) else None
    place = _place(path)
    words = f"{path.name} can't be written below {place}: {WHY[error.errno]}"
    if error.errno in FULL:
        words = f"{WHY[error.errno]}: {path.name} can't be written. {_missing(place, size)}"
    assert error.errno is not None
    return Unwritable(words, error.errno, os.strerror(error.errno))


def _place(path: Path) -> Path:
    """Return the folder that a person knows: Fieldmark's own, or the one that they named."""
    home = settings.home()
    if path.is_relative_to(home):
        return home
    return next(parent for parent in path.absolute().parents if parent.is_dir())


def _missing(folder: Path, size: int) -> str:
    """Return how much has to be freed, and where."""
    disk = os.statvfs(folder)
    if disk.f_files and not disk.f_favail:
        return f"The disk of {folder} holds as many files as it can. Delete some, and try again."
    free = disk.f_bavail * disk.f_frsize
    needed = max(size, SMALL_BYTES)
    return (
        f"At least {human_bytes(needed)} are needed, and the disk of {folder} has "
        f"{human_bytes(free)} free. "
        f"Free at least {human_bytes(max(needed - free, SMALL_BYTES))}, and try again."
    )


@contextmanager
def there(folder: Path, what: str) -> Iterator[None]:
    """Around what reads or changes a thing's folder: NotFound, in words, where it was deleted
    before or meanwhile."""
    try:
        if not folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        yield
    except (FileNotFoundError, NotFound) as error:
        if folder.is_dir():
            raise
        raise NotFound(f"This {what} was deleted meanwhile.") from error


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """`there`, and one at a time: for whatever reads a thing's file and writes it changed. Not to
    be nested on one folder."""
    with there(folder, what):
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def folder_below(root: Path, relative: str | PurePath) -> Path:
    """Return the folder `root/relative`, made where it is missing; `root` itself is never made.
    FileNotFoundError if that is gone."""
    folder = root
    for part in PurePath(relative).parts:
        folder = folder / part
        try:
            folder.mkdir(mode=settings.OWNER_ONLY, exist_ok=True)
        except OSError as error:
            raise _told(error, folder) from error
    return folder


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A folder among Fieldmark's temporary files, held and then removed. What a killed process
    leaves of it can be told apart."""
    with held(settings.temporary_dir() / f"{name}-{secrets.token_hex(6)}") as folder:
        yield folder


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """The new folder, locked while the block runs and gone after it, unless it was renamed."""
    try:
        folder.mkdir(mode=settings.OWNER_ONLY)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _told(error, folder) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with unfinished(folder):
            yield folder
    finally:
        remove(folder)
        os.close(handle)


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """While the block runs, `remove_unfinished` removes this folder."""
    _unfinished.add(folder)
    try:
        yield
    finally:
        _unfinished.discard(folder)


def remove_unfinished() -> None:
    """Remove what this process is making: for one that ends without waiting for its own threads."""
    for folder in list(_unfinished):
        remove(folder)


def move(source: Path, target: Path) -> None:
    """Renames; never replaces a folder that holds files. Raises as `atomic` does, and OSError with
    ENOTEMPTY or EEXIST where there is one."""
    try:
        os.rename(source, target)
    except OSError as error:
        raise _told(error, target) from error


def link(source: str | Path, target: str | Path) -> None:
    """A second name for a file, or a copy where the file system has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def remove(folder: Path) -> None:
    """Remove a folder (or a file) that nobody looks for any more. What can't be removed now is
    swept with the leftovers of the next start."""
    for _ in range(REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.unlink()
        if not os.path.lexists(folder):
            return


def is_abandoned(path: Path) -> bool:
    """Return whether nobody holds this file or folder. What was made within the last second may be
    about to be held."""
    try:
        if time.time() - path.stat().st_mtime < YOUNG_SECONDS:
            return False
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def write_bytes(path: Path, data: bytes) -> None:
    with atomic(path, len(data)) as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())


def read_json(path: Path) -> Any:
    """Return the JSON in `path`.

    Raises OSError if it can't be read and ValueError if it is not JSON.
    """
    return json.loads(path.read_bytes())


def safe_join(root: Path, relative: str) -> Path:
    """Return `root/relative`, links followed, only where the result lies inside `root`, or, of a
    root that a person may import from, inside another such folder; UserError otherwise."""
    resolved = root.resolve()
    target = (resolved / relative).resolve()
    allowed = [resolved]
    roots = [place.resolve() for place in settings.import_roots()]
    if any(resolved.is_relative_to(place) for place in roots) and ".." not in Path(relative).parts:
        allowed += roots
    if not any(target.is_relative_to(place) for place in allowed):
        raise UserError(f"{relative!r} leads outside {root}. Use a path inside that folder.")
    return target


def require_free_space(folder: Path, needed: int, what: str) -> None:
    """UserError unless `folder`'s disk holds `needed` bytes more and still keeps the reserve."""
    free = shutil.disk_usage(folder).free
    if free - needed < settings.MIN_FREE_BYTES:
        raise UserError(
            f"{what} needs {human_bytes(needed)} and {folder} has {human_bytes(free)} free "
            f"(Fieldmark keeps {human_bytes(settings.MIN_FREE_BYTES)} in reserve). Free some "
            f"space, or move {settings.ENV_HOME}."
        )


def free_bytes(folder: Path) -> int:
    """Return what `folder`'s disk still holds beyond the reserve."""
    return max(0, shutil.disk_usage(folder).free - settings.MIN_FREE_BYTES)


def is_full(folder: Path) -> bool:
    """Return whether `folder`'s disk has so little room that even a small file may not fit."""
    return shutil.disk_usage(folder).free < FULL_BYTES


def os_reason(error: OSError) -> str:
    """Why the system refused a file operation, in words."""
    if isinstance(error, Unwritable):
        return str(error)
    if error.errno in FULL:
        return f"The disk is full ({error}). Free some space and try again."
    return f"The system refused a file operation ({error})."


def human_bytes(count: float) -> str:
    """Return `1536` -> `1.5 KB`, for people."""
    for unit in ("B", "KB", "MB", "GB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"
