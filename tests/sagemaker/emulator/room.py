"""Makes a process believe that it is in a container, with what an unprivileged Linux gives: run it inside `unshare`, see container.py.

    unshare -m [-u] [-n] python room.py --ml FOLDER --hosts FILE [--name algo-2] [--read-only PATH]... -- COMMAND ...

FOLDER becomes /opt/ml, FILE becomes /etc/hosts. Nothing outside of the new namespaces is changed, the folder /opt/ml is not even made:
where it is missing, /opt is replaced by a copy of itself made of mounts.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import socket
import tempfile
from pathlib import Path

READ_ONLY, REMOUNT, BIND, RECURSIVE = 1, 32, 4096, 16384
ML = Path("/opt/ml")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ml", type=Path, required=True)
    parser.add_argument("--hosts", type=Path, required=True)
    parser.add_argument("--name", default="")
    parser.add_argument("--read-only", type=Path, action="append", default=[])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if not ML.is_dir():
        _make_mount_point()
    _mount(options.ml, ML, BIND)
    _mount(options.hosts, Path("/etc/hosts"), BIND)
    for path in options.read_only:
        _mount(path, path, BIND)
        _mount(path, path, BIND | REMOUNT | READ_ONLY)
    if options.name:
        socket.sethostname(options.name)
    os.chdir(ML)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    os.execvp(command[0], command)


def _make_mount_point() -> None:
    """A /opt with all that is in it now, and the empty folder /opt/ml."""
    kept = Path(tempfile.mkdtemp(prefix="opt-"))
    _mount(ML.parent, kept, BIND | RECURSIVE)
    _mount(Path("tmpfs"), ML.parent, 0, b"tmpfs")
    for entry in kept.iterdir():
        twin = ML.parent / entry.name
        if entry.is_symlink():
            twin.symlink_to(entry.readlink())
            continue
        twin.mkdir() if entry.is_dir() else twin.touch()
        _mount(entry, twin, BIND | RECURSIVE)
    ML.mkdir()


def _mount(source: Path, target: Path, flags: int, kind: bytes | None = None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(bytes(source), bytes(target), kind, ctypes.c_ulong(flags), None):
        error = ctypes.get_errno()
        raise OSError(error, f"cannot mount {source} on {target}: {os.strerror(error)}")


if __name__ == "__main__":
    main()
