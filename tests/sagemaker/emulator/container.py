"""One instance: a command in a container of its own as far as this machine allows it, its output line by line, and its sure end."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ML = "/opt/ml"
# What every host of a cluster calls itself on AWS, whatever its name in the cluster; no address belongs to it.
HOST_NAME = "aws"
PROBE_SECONDS = 20
MEMORY_LINE_BYTES = 1 << 16


@dataclass(frozen=True)
class Layout:
    """What a container sees: `ml` as /opt/ml, `hosts` as the names of its cluster, `host` as its own there, no network where `isolated`.

    `read_only` are paths below /opt/ml that it can't write to, where mounts are allowed.
    """

    ml: Path
    host: str = "algo-1"
    hosts: tuple[str, ...] = ("algo-1",)
    isolated: bool = False
    read_only: tuple[str, ...] = ()

    @property
    def inside(self) -> str:
        """/opt/ml as a path for the container's processes. Without mount namespaces they see the folder where it is."""
        return str(self.ml) if why_no_mounts() else ML


class Container:
    """A running command. Its processes end with the emulator, however that ends."""

    def __init__(
        self,
        command: list[str],
        layout: Layout,
        environment: Mapping[str, str],
        *,
        grace: float = 5.0,
        deaf: bool = False,
    ) -> None:
        """`deaf` keeps SIGTERM from the command. Raise OSError with the reason if the layout asks for something that this machine does not
        allow."""
        (layout.ml.parent / "tmp").mkdir(parents=True, exist_ok=True)
        inside = {
            name: value.replace(f"{ML}/", f"{layout.inside}/")
            for name, value in environment.items()
        }
        self._process = subprocess.Popen(
            [
                sys.executable,
                str(HERE / "keeper.py"),
                "--grace",
                str(grace),
                *(["--deaf"] if deaf else []),
                "--",
                *_wrapped(command, layout),
            ],
            cwd=layout.ml,
            env={**_basics(layout), **inside},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def lines(self) -> Iterator[str]:
        """Yield what it prints, until nothing of it is left."""
        assert self._process.stdout is not None
        with self._process.stdout as output:
            while line := output.readline(MEMORY_LINE_BYTES):
                yield line.decode("utf-8", "replace").rstrip("\r\n")

    def wait(self) -> int:
        return self._process.wait()

    def code(self) -> int | None:
        return self._process.poll()

    def terminate(self) -> None:
        """SIGTERM to all of it, unless it is deaf; what is left after the grace time is killed. Returns at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to all of it; returns at once."""
        with contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.close()


def _basics(layout: Layout) -> dict[str, str]:
    kept = {
        name: os.environ[name]
        for name in ("LANG", "LC_ALL", "LD_LIBRARY_PATH")
        if name in os.environ
    }
    scratch = str(layout.ml.parent / "tmp")
    return {
        **kept,
        "PATH": os.defpath,
        "HOME": scratch,
        "TMPDIR": scratch,
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _wrapped(command: list[str], layout: Layout) -> list[str]:
    if reason := why_no_mounts():
        if layout.isolated or len(layout.hosts) > 1:
            raise OSError(
                f"containers without a network and several hosts need Linux namespaces: {reason}"
            )
        return command
    hosts = layout.ml.parent / "hosts"
    hosts.write_text(_host_names(layout.hosts))
    flags = "-m" + "u" * (len(layout.hosts) > 1) + "n" * layout.isolated
    room = [sys.executable, str(HERE / "room.py"), "--ml", str(layout.ml), "--hosts", str(hosts)]
    room += ["--name", HOST_NAME] if len(layout.hosts) > 1 else []
    room += [part for path in layout.read_only for part in ("--read-only", path)]
    return [*_unshare(), flags, *room, "--", *command]


def _host_names(hosts: tuple[str, ...]) -> str:
    with contextlib.suppress(OSError):
        return f"{Path('/etc/hosts').read_text()}\n127.0.0.1 {' '.join(hosts)}\n"
    return f"127.0.0.1 localhost {' '.join(hosts)}\n"


def _unshare() -> list[str]:
    return ["unshare"] if os.geteuid() == 0 else ["unshare", "-r"]


@functools.cache
def why_no_mounts() -> str:
    """Why this machine can't give a process mounts and a network of its own; empty if it can."""
    if not shutil.which("unshare"):
        return "there is no unshare(1) on this machine"
    with tempfile.TemporaryDirectory() as folder:
        hosts = Path(folder) / "hosts"
        hosts.touch()
        room = [
            sys.executable,
            str(HERE / "room.py"),
            "--ml",
            folder,
            "--hosts",
            str(hosts),
            "--name",
            "probe",
            "--",
            "test",
            "-f",
            f"{ML}/hosts",
        ]
        own = {**os.environ, "TMPDIR": folder}
        run = subprocess.run(
            [*_unshare(), "-mun", *room],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            env=own,
        )
    return (
        ""
        if run.returncode == 0
        else (run.stderr.strip().splitlines() or ["unshare was refused"])[-1]
    )
