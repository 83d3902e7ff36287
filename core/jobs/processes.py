"""Detached worker processes: they outlive the app, are known by pid and start time, and end as a
group."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from core import hosts, settings
from core.io import files
from core.jobs.run_folder import RunFolder

# Variables of our environment that workers get. All others stay out, so that no credential reaches
# a job or its log.
INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "SYSTEMROOT",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "OMP_NUM_THREADS",
)
INHERITED_PREFIXES = ("CUDA_", "NVIDIA_")
PROXY_AND_CERTIFICATES = (
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
)

# Additional variables of our workers.
OURS = (
    settings.ENV_HOME,
    settings.ENV_IMPORT_ROOTS,
    settings.ENV_LOG,
    settings.ENV_PREPARE,
    settings.ENV_POLL_SECONDS,
    settings.ENV_STREAM_FROM,
    hosts.ENV_HOSTS,
    hosts.ENV_ORIGINS,
)

# glibc would return every batch's activations to the kernel and fault them in again: half the time
# of CPU inference. Torch's threads would busy-wait and take the core from other processes: beside
# two other programs on two cores, a fine-tuning of tiny photos took 12 to 24 s, and 5 s with
# sleeping threads.
COMPUTING = {
    "MALLOC_TRIM_THRESHOLD_": "2147483647",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TOP_PAD_": "67108864",
    "OMP_WAIT_POLICY": "PASSIVE",
}

# Arrow's allocator would start a thread at import, and only a process with one thread is forked.
WITHOUT_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}


def clean_environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a worker: the variables a program needs to start, plus `extra`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in INHERITED
        or name in PROXY_AND_CERTIFICATES
        or name.startswith(INHERITED_PREFIXES)
    }
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **(extra or {})}


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def start(
    arguments: list[str], folder: Path, *, lock: int, variables: dict[str, str] | None = None
) -> int:
    """Start a detached worker in `folder` that holds `lock` (a flocked descriptor) until it ends;
    return its pid. Its environment is a clean one plus `variables`.

    Its output goes to a file, because a pipe would kill it when the app ends. It has its own
    session, because a Ctrl-C in the app's terminal would reach it otherwise.
    """
    with open(folder / "log.txt", "ab", opener=_owner_only) as output:
        process = subprocess.Popen(
            [*arguments, "--lock", str(lock)],
            cwd=folder,
            env={**worker_environment(), **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
        )
    return process.pid


def worker_environment() -> dict[str, str]:
    """Return the variables that a worker, other than a training script, needs to find Fieldmark's
    home and import roots."""
    ours = {name: os.environ[name] for name in OURS if os.environ.get(name)}
    return clean_environment(
        {**ours, **COMPUTING, **WITHOUT_THREADS, "PYTHONPATH": str(settings.PROJECT)}
    )


@contextmanager
def private(folder: RunFolder) -> Iterator[None]:
    """Set up this process for a job: its files are readable by their owner only, except those that
    a person asked to have elsewhere, and temporary files are in the job's folder and removed at the
    end."""
    if not folder.path.name.startswith("fm-export-"):
        os.umask(0o077)
    with suppress(OSError):  # on a full disk there is still something to say
        folder.temporary.mkdir(exist_ok=True)
        os.environ["TMPDIR"] = str(folder.temporary)
        tempfile.tempdir = None
    try:
        yield
    finally:
        files.remove(folder.temporary)


def clear(folder: RunFolder) -> None:
    """Remove the temporary files that a script of the job left."""
    for path in folder.temporary.glob("*"):
        files.remove(path)


def take_lock(path: Path) -> int | None:
    """Return the held descriptor of a job's lock, for a new worker; None if another process holds
    it."""
    with files.there(path.parent, "job"):
        handle = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def created(pid: int) -> float | None:
    """Return when the process with this pid started; None if there is none. Together with the pid
    it identifies the process."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def is_same(pid: int | None, since: float | None) -> bool:
    """Return whether the pid still belongs to the process that started at `since`, not to another
    one or a zombie."""
    if pid is None or since is None:
        return False
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - since) < 1.0 and _is_alive(process)
    except psutil.Error:
        return False


def terminate(pid: int | None, since: float | None) -> bool:
    """Send SIGTERM to that process only; return False if it is gone."""
    if not is_same(pid, since):
        return False
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    return True


def kill_session(pid: int | None, folder: Path) -> None:
    """Send SIGKILL to the rest of the session that `pid` led; the leader may already be dead.

    Only processes that work inside `folder` count, because another session may have taken the id
    since.
    """
    if pid is not None:
        kill(member for member in psutil.process_iter() if _belongs(member, pid, folder))


def kill(members: Iterable[psutil.Process], patience: float = 3.0) -> None:
    """Send SIGKILL, then wait until the processes no longer run. Collecting a dead process can take
    seconds and is not waited for."""
    doomed = list(members)
    for member in doomed:
        try:
            member.kill()
        except psutil.Error:
            continue
    until = time.monotonic() + patience
    while any(map(_is_alive, doomed)) and time.monotonic() < until:
        time.sleep(0.01)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _belongs(process: psutil.Process, session: int, folder: Path) -> bool:
    try:
        same_session = process.pid != os.getpid() and os.getsid(process.pid) == session
        return same_session and Path(process.cwd()).is_relative_to(folder.resolve())
    except (psutil.Error, ProcessLookupError, PermissionError):
        return False
