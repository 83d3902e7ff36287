"""Runs one command and outlives nothing: when its standard input closes, everything that the command has started is killed.

    python keeper.py --grace 5 COMMAND ...

Whoever started it holds the other end of that input, so the kernel closes it however that process ends, SIGKILL included. SIGTERM is
passed on to the command's process group, or to nothing of it with `--deaf`; what still runs after `--grace` seconds is killed. The exit
code is the command's.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

import psutil

SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36
POLL_SECONDS = 0.5


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--grace", type=float, default=5.0)
    parser.add_argument("--deaf", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    _prctl(SET_CHILD_SUBREAPER, 1)
    wake, asked = os.pipe()
    for end in (wake, asked):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(asked, warn_on_full_buffer=False)
    stops: list[float] = []
    signal.signal(signal.SIGTERM, lambda *_: stops.append(time.monotonic() + options.grace))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_parent,  # noqa: PLW1509
    )
    try:
        return _watch(child, wake, stops, deaf=options.deaf)
    finally:
        _kill_descendants()


def _watch(child: subprocess.Popen[bytes], wake: int, stops: list[float], *, deaf: bool) -> int:
    """Return the child's exit code, 128 + n for a signal; 137 where the owner of our input is
    gone."""
    passed_on = False
    # The toolkit itself dies of SIGTERM at once, while the script that it runs is still saving what it has.
    while (code := child.poll()) is None or (
        passed_on and psutil.Process().children(recursive=True)
    ):
        ready, _, _ = select.select([sys.stdin.fileno(), wake], [], [], POLL_SECONDS)
        if wake in ready:
            os.read(wake, 4096)
            _collect(but=child.pid)
        if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 1):
            return 128 + signal.SIGKILL
        if stops and not passed_on and not deaf:
            passed_on = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
        if stops and time.monotonic() > stops[0]:
            return 128 + signal.SIGKILL
    return code if code >= 0 else 128 - code


def _die_with_parent() -> None:
    """For the case that the keeper itself is killed."""
    _prctl(SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _kill_descendants() -> None:
    """As the subreaper of all of them, the keeper sees those too that were left by their own parents."""
    while alive := psutil.Process().children(recursive=True):
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        _collect(0)
        time.sleep(0.01)


def _collect(but: int) -> None:
    """Take notice of every child that has ended, `but` one: strays are the keeper's children once
    their parents are gone."""
    for process in psutil.Process().children():
        with contextlib.suppress(ChildProcessError, psutil.NoSuchProcess):
            if process.pid != but and process.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(process.pid, os.WNOHANG)


if __name__ == "__main__":
    sys.exit(main())
