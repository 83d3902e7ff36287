"""A model server: the artifact from S3, unpacked, and AWS's inference toolkit as a process that answers /ping and /invocations."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from botocore.exceptions import BotoCoreError, ClientError

from tests.sagemaker.emulator import images, overlay
from tests.sagemaker.emulator.container import HERE, ML, Container, Layout
from tests.sagemaker.emulator.errors import JobFailure
from tests.sagemaker.emulator.storage import LogStream, split, unpack
from tests.sagemaker.emulator.world import REGION, Record, World

FLUSH_SECONDS = 0.2
NO_PING = (
    "The primary container for production variant {} did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)


@dataclass(frozen=True)
class Reply:
    status: int
    kind: str
    body: bytes


class ModelServer:
    """Started by `start`, ended by `end`; `post` asks it."""

    def __init__(
        self,
        world: World,
        containers: Path,
        model: Record,
        stream: LogStream,
        *,
        isolated: bool = False,
        variant: str = "AllTraffic",
        vcpus: int = 1,
    ) -> None:
        self._world, self._model, self._stream = world, model, stream
        self._variant = variant
        self._java = world.settings.server == "torchserve"
        # Unix sockets have short names only.
        self._short = Path(tempfile.mkdtemp(prefix="fm-"))
        self._folder = Path(tempfile.mkdtemp(prefix="server-", dir=world.root))
        self._python = overlay.make(containers, self._folder / "python")
        self._layout = Layout(self._folder / "ml", isolated=isolated)
        self._workers = _workers(model["Image"], vcpus)
        self._port, self._lines = 0, []  # type: int, list[str]
        self._container: Container | None = None
        self._reader: threading.Thread | None = None

    def start(self, cancelled: threading.Event) -> None:
        """Return when /ping has answered 200. JobFailure where it can't be started, does not answer
        in time, or was cancelled."""
        try:
            unpack(
                self._world.storage.read(*split(self._model["ModelDataUrl"])),
                self._folder / "ml" / "model",
            )
        except (ClientError, BotoCoreError) as error:
            raise JobFailure(
                f"Failed to download model data for container from URL: {self._model['ModelDataUrl']} ({error})"
            ) from None
        program = HERE / ("serve_torchserve.py" if self._java else "serve_python.py")
        self._container = Container(
            [str(self._python / "bin" / "python"), str(program)],
            self._layout,
            self._environment(),
            grace=2,
        )
        self._reader = threading.Thread(target=self._read, args=(self._container,), daemon=True)
        self._reader.start()
        threading.Thread(target=self._pump, daemon=True).start()
        self._await_ping(cancelled)

    def _await_ping(self, cancelled: threading.Event) -> None:
        assert self._container is not None
        until = time.monotonic() + self._world.settings.ping_seconds
        while (
            time.monotonic() < until and self._container.code() is None and not cancelled.is_set()
        ):
            try:
                if self._ask("GET", "/ping", b"", {}, 5).status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            cancelled.wait(0.1)
        raise JobFailure(NO_PING.format(self._variant))

    def _environment(self) -> dict[str, str]:
        base = {} if self._layout.inside == ML else {"SAGEMAKER_BASE_DIR": self._layout.inside}
        java = {}
        if self._java:
            self._port, management = _free_port(), _free_port()
            # Its workers listen on Unix sockets in there, which have short names only.
            java = {
                "TMPDIR": str(self._short),
                "SAGEMAKER_BIND_TO_PORT": str(self._port),
                "SAGEMAKER_SAFE_PORT_RANGE": f"{management}-{management}",
            }
        return {
            "PATH": f"{self._python / 'bin'}{os.pathsep}{os.defpath}",
            "AWS_REGION": REGION,
            "EMULATOR_SOCKET": str(self._short / "socket"),
            "SAGEMAKER_MODEL_SERVER_WORKERS": str(self._workers),
            "OMP_NUM_THREADS": str(os.cpu_count() or 1),
            "OMP_WAIT_POLICY": "PASSIVE",
            **base,
            **java,
            **self._model.get("Environment", {}),
        }

    def _read(self, container: Container) -> None:
        for line in container.lines():
            self._lines.append(line)
        container.wait()

    def _pump(self) -> None:
        assert self._reader is not None
        alive = True
        while alive:
            self._reader.join(FLUSH_SECONDS)
            alive = self._reader.is_alive()
            count = len(self._lines)
            lines, self._lines[:count] = self._lines[:count], []
            if lines:
                self._stream.put(lines)

    def post(self, body: bytes, headers: dict[str, str], seconds: float = 60.0) -> Reply:
        """Return one request to /invocations. OSError if there is no answer in time."""
        return self._ask("POST", "/invocations", body, headers, seconds)

    def _ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str], seconds: float
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=seconds)
        if not self._java:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(seconds)
            connection.sock.connect(str(self._short / "socket"))
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers.get("Content-Type", ""), answer.read())
        finally:
            connection.close()

    def memory(self) -> int:
        """Return bytes that its processes hold now."""
        total = 0
        if self._container:
            try:
                members = psutil.Process(self._container.pid).children(recursive=True)
                total = sum(member.memory_info().rss for member in members)
            except psutil.NoSuchProcess:
                return 0
        return total

    def end(self) -> None:
        """Kill it and removes its files."""
        if self._container:
            self._container.kill()
            self._container.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.rmtree(self._short, ignore_errors=True)


def _workers(image: str, vcpus: int) -> int:
    """Return how many workers a server starts that is not told: TorchServe one for each vCPU, of which this machine has no more than its
    own; others one."""
    if not images.serves_with_torchserve(image):
        return 1
    return min(vcpus, os.cpu_count() or 1)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
