"""The surroundings of a training: the clock, the log, the allocator, signals and the failure
file."""

from __future__ import annotations

import ctypes
import errno
import math
import os
import resource
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MAX_FAILURE_CHARS = 1024
EXIT_FAILED, EXIT_BAD_ARGUMENT, EXIT_STOPPED = 1, 2, 143

_started = time.monotonic()
_state = {"stop": False, "quiet": False}
seconds: dict[str, float] = {}


class TrainingError(Exception):
    """A training that cannot continue.

    The message says what happened, to what, and what to do next.
    """

    exit_code = EXIT_FAILED


class Diverged(TrainingError):
    """The loss is no longer a number."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"The training diverged: the loss is no longer a number ({where}). Use a lower "
            "learning rate (lr)."
        )


class Stopped(BaseException):
    """SIGTERM or Ctrl-C arrived, and everything worth keeping is saved.

    Not an Exception, so that no handler swallows it.
    """


def elapsed() -> float:
    return time.monotonic() - _started


def quiet() -> None:
    """Log nothing from here on: only one of several processes logs."""
    _state["quiet"] = True


def log(message: str) -> None:
    # Flushed line by line: the log is watched while the job runs, on both backends.
    if not _state["quiet"]:
        print(f"{elapsed():8.2f} s  {message}", flush=True)


def metrics(**values: float) -> None:
    """Log one metric line: `[metrics] epoch=3 train_loss=0.4321`.

    Whole numbers stay whole; nan is written as nan.
    """
    if not _state["quiet"]:
        told = {**values, "elapsed_seconds": round(elapsed(), 3)}
        print(
            "[metrics] " + " ".join(f"{name}={_number(value)}" for name, value in told.items()),
            flush=True,
        )


def _number(value: float) -> str:
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    if abs(value) >= 1e-4 or value == 0:
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return f"{value:.3e}"


def say_phase(name: str, of: str = "") -> None:
    """Log the start of a phase, for programs that read the log: `[phase] waiting of=<job>`."""
    if _state["quiet"]:
        return
    line = f"[phase] {name}"
    if of:
        line += f" of={of}"
    print(line, flush=True)


def say_photos(image_ids: Iterable[str]) -> None:
    """Log the photos that were processed, for programs that read the log:
    `[photos] <sha256> <sha256>`.
    """
    if not _state["quiet"]:
        print("[photos] " + " ".join(image_ids), flush=True)


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Log that this phase begins, and add the block's seconds to `seconds[name]`."""
    say_phase(name)
    start = time.monotonic()
    try:
        yield
    finally:
        seconds[name] = seconds.get(name, 0.0) + time.monotonic() - start


def catch_signals() -> None:
    """Let SIGTERM and Ctrl-C ask the training to stop at its next step instead of ending it at
    once."""

    def ask(signum: int, _: Any) -> None:
        _state["stop"] = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_acknowledge, args=(reader,), daemon=True).start()


def _acknowledge(reader: int) -> None:
    """Log at once that a stop was requested: the training's own thread may be in the middle of a
    long step. A deadlocked process logs nothing, so nothing waits for its checkpoint."""
    os.read(reader, 1)
    say_phase("stopping")


def stop_asked() -> bool:
    return _state["stop"]


def check_stop() -> None:
    """Raise Stopped if a stop was requested; call it when everything worth keeping is saved."""
    if _state["stop"]:
        raise Stopped


def keep_memory() -> None:
    """Tell glibc to keep freed memory for the next batch.

    Otherwise it returns big activations to the kernel and faults them in again, which is half the
    cost of eager inference on a CPU.
    """
    trim_threshold, top_pad, mmap_max = -1, -2, -4
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(top_pad, 64 * 2**20)
    except (OSError, AttributeError):
        return


def peak_memory() -> int:
    """Return the peak memory of this process in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def explain(error: BaseException) -> str:
    """Return Return `error` in one paragraph for the user."""
    text = str(error)
    if isinstance(error, TrainingError):
        return text
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"The disk is full: {text}. Free some space and start the job again; the last "
            "checkpoint is intact."
        )
    if "out of memory" in text or isinstance(error, MemoryError):
        first = (text or "MemoryError").splitlines()[0]
        return (
            f"Out of memory: use a lower batch size (batch_size) or a smaller image_size. ({first})"
        )
    return f"{type(error).__name__}: {text}"


def write_failure(folder: Path, reason: str) -> None:
    """Write SM_OUTPUT_DATA_DIR/failure; a full disk must not hide the reason, which the log has as
    well."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "failure").write_text(" ".join(reason.split())[:MAX_FAILURE_CHARS])
    except OSError as error:
        log(f"could not write {folder / 'failure'}: {error}")


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path`: a temporary file in the same folder, fsync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
