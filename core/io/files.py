"""Files that survive a kill at any moment: atomic writes, safe joins, free space."""

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
# The space of a small file, including the file system's metadata.
SMALL_BYTES = 16 * 1024
DRAFT = ".tmp"
# The name of a folder while it is removed.
DELETED = ".deleted-"
REMOVALS = 3
YOUNG_SECONDS = 1.0
# The folders that this process is writing and has to remove if it exits before they are complete.
_unfinished: set[Path] = set()
FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
WHY = {
    errno.ENOSPC: "The disk is full",
    errno.EFBIG: "The disk is full, or the file is larger than the file system allows",
    errno.EDQUOT: "Your disk quota is used up",
    errno.EROFS: "the disk is read-only. Make it writable, and try again.",
    errno.EACCES: "Fieldmark has no right to. Give its user that right, and try again.",
    errno.EPERM: "Fieldmark has no right to. Give its user that right, and try again.",
}


@contextmanager
def atomic(path: Path, size: int = 0) -> Iterator[BinaryIO]:
    """Open a binary file that replaces `path` only if the block succeeds (temp file, fsync,
    replace). `size` is its expected size, if known. The folder has to exist, so that writing never
    restores a deleted folder. Raises NotFound if it does not, Unwritable if the disk is full or not
    writable."""
    handle, name = _draft(path)
    try:
        with _whole(os.fdopen(handle, "wb")) as file:
            try:
                yield file
                file.flush()
                os.fsync(handle)
            except OSError as error:
                raise _told(error, path, max(size, file.tell())) from error
            # Before it is closed: a draft without a lock may be swept.
            _put(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _whole(file: BinaryIO) -> Iterator[BinaryIO]:
    """Close a file that was flushed or is discarded, and ignore a full disk."""
    try:
        yield file
    finally:
        with suppress(OSError):
            file.close()


def _draft(path: Path) -> tuple[int, str]:
    """Return a new locked file that will become `path`: in Fieldmark's temporary folder if that is
    on the same disk, so that the files of killed processes are found in one place."""
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
        # The folders are two mounts of one disk.
        beside = path.with_name(f"{Path(draft).name}")
        shutil.copyfile(draft, beside)
        os.replace(beside, path)
        Path(draft).unlink()


def _told(error: OSError, path: Path, size: int = 0) -> OSError | NotFound:
    """Return a clearer error than the system's, if there is one."""
    if isinstance(error, FileNotFoundError) and not path.parent.is_dir():
        return NotFound(f"{path.parent} was deleted meanwhile.")
    return unwritable(error, path, size) or error


def unwritable(error: OSError, path: Path, size: int = 0) -> Unwritable | None:
    """Return why `path`, of `size` bytes, cannot be written; None for other errors."""
    if isinstance(error, Unwritable) or error.errno not in WHY:
        return error if isinstance(error, Unwritable) else None
    place = _place(path)
    words = f"{path.name} can't be written below {place}: {WHY[error.errno]}"
    if error.errno in FULL:
        words = f"{WHY[error.errno]}: {path.name} can't be written. {_missing(place, size)}"
    assert error.errno is not None
    return Unwritable(words, error.errno, os.strerror(error.errno))


def _place(path: Path) -> Path:
    """Return the folder that the user knows: Fieldmark's own, or the one that the user named."""
    home = settings.home()
    if path.is_relative_to(home):
        return home
    return next(parent for parent in path.absolute().parents if parent.is_dir())


def _missing(folder: Path, size: int) -> str:
    """Return how much space has to be freed, and on which disk."""
    disk = os.statvfs(folder)
    if disk.f_files and not disk.f_favail:
        return f"The disk of {folder} cannot hold more files. Delete some, and try again."
    free = disk.f_bavail * disk.f_frsize
    needed = max(size, SMALL_BYTES)
    return (
        f"At least {human_bytes(needed)} are needed, and the disk of {folder} has "
        f"{human_bytes(free)} free. "
        f"Free at least {human_bytes(max(needed - free, SMALL_BYTES))}, and try again."
    )


@contextmanager
def there(folder: Path, what: str) -> Iterator[None]:
    """Raise NotFound with a clear message if the folder that the block reads or changes was
    deleted."""
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
    """Do as `there` does, one process at a time: for reading a file and writing it back. Do not
    nest it on one folder."""
    with there(folder, what):
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def folder_below(root: Path, relative: str | PurePath) -> Path:
    """Return the folder `root/relative`, created if missing; `root` itself is never created. Raises
    FileNotFoundError if `root` is gone."""
    folder = root
    for part in PurePath(relative).parts:
        folder = folder / part
        try:
            folder.mkdir(mode=settings.OWNER_ONLY, exist_ok=True)
        except FileExistsError as error:
            # mkdir found it, and looked again whether it is a folder after it was moved away.
            if not os.path.lexists(folder):
                missing = errno.ENOENT
                raise FileNotFoundError(missing, os.strerror(missing), str(folder)) from error
            raise _told(error, folder) from error
        except OSError as error:
            raise _told(error, folder) from error
    return folder


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """Hold a temporary folder and remove it afterwards. The lock tells the folders of killed
    processes apart."""
    with held(settings.temporary_dir() / f"{name}-{secrets.token_hex(6)}") as folder:
        yield folder


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """Hold a new folder, locked while the block runs and removed after it unless it was renamed."""
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
    """Let `remove_unfinished` remove this folder while the block runs."""
    _unfinished.add(folder)
    try:
        yield
    finally:
        _unfinished.discard(folder)


def remove_unfinished() -> None:
    """Remove the unfinished folders of this process, for a process that exits without waiting for
    its threads."""
    for folder in list(_unfinished):
        remove(folder)


def move(source: Path, target: Path) -> None:
    """Rename, but never replace a folder that has files. Raises as `atomic` does, and OSError with
    ENOTEMPTY or EEXIST if there is one."""
    try:
        os.rename(source, target)
    except OSError as error:
        raise _told(error, target) from error


def link(source: str | Path, target: str | Path) -> None:
    """Hard-link a file, or copy it if the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def remove(folder: Path) -> None:
    """Remove a folder or a file. What cannot be removed now is removed at the next start."""
    for _ in range(REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.unlink()
        if not os.path.lexists(folder):
            return


def is_abandoned(path: Path) -> bool:
    """Return whether no process holds this file or folder. One created within the last second may
    be about to be locked."""
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
    """Return `root/relative` with links resolved. Raises UserError if the result is outside `root`
    and, for an import root, outside every other import root."""
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
    """Raise UserError unless `folder`'s disk has `needed` bytes free beyond the reserve."""
    free = shutil.disk_usage(folder).free
    if free - needed < settings.MIN_FREE_BYTES:
        raise UserError(
            f"{what} needs {human_bytes(needed)} and {folder} has {human_bytes(free)} free "
            f"(Fieldmark keeps {human_bytes(settings.MIN_FREE_BYTES)} in reserve). Free some "
            f"space, or move {settings.ENV_HOME}."
        )


def free_bytes(folder: Path) -> int:
    """Return the free bytes of `folder`'s disk beyond the reserve."""
    return max(0, shutil.disk_usage(folder).free - settings.MIN_FREE_BYTES)


def is_full(folder: Path) -> bool:
    """Return whether `folder`'s disk has so little space that even a small file may not fit."""
    return shutil.disk_usage(folder).free < FULL_BYTES


def os_reason(error: OSError) -> str:
    """Return why the system refused a file operation."""
    if isinstance(error, Unwritable):
        return str(error)
    if error.errno in FULL:
        return f"The disk is full ({error}). Free some space and try again."
    return f"The system refused a file operation ({error})."


def human_bytes(count: float) -> str:
    """Format bytes: `1536` -> `1.5 KB`."""
    for unit in ("B", "KB", "MB", "GB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"
