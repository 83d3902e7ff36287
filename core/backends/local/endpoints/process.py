"""The process of an endpoint: loads the model, chooses the fastest engine, runs a smoke test, and
serves until it is stopped or its deadline.

It is live only after a smoke image was classified over HTTP, because an open port proves nothing.
The process itself keeps the deadline, so that it holds even when the app is closed.
"""

from __future__ import annotations

import importlib.util
import logging
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import uvicorn

from core import settings
from core.backends.local.datasets import fetching
from core.backends.local.endpoints import doors, memory, server
from core.backends.local.endpoints.service import Service
from core.endpoints import capture
from core.errors import BackendError
from core.jobs import processes
from core.jobs.specs import EndpointSpec
from core.jobs.status.asked import endpoint_spec
from core.jobs.status.endpoints import Form
from core.models import store as models
from core.models.store import Model

if TYPE_CHECKING:
    from core.jobs.worker import Worker

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
WATCH_SECONDS = 0.5
GRACE_SECONDS = 10
PARITY_PHOTOS = 64
ENDED = (
    "The endpoint's process was asked to end, for example because the machine shut down. Start it "
    "again."
)


def run(worker: Worker) -> None:
    """Serve until the deadline, which completes the job. Raises BackendError if the endpoint can't
    serve or is ended otherwise."""
    _Endpoint(worker, endpoint_spec(worker.job)).run()


class _Endpoint:
    def __init__(self, worker: Worker, spec: EndpointSpec) -> None:
        self.worker, self.spec = worker, spec
        self.deadline = None
        if spec.seconds:
            self.deadline = worker.job.created + spec.seconds
        self.progress: dict[str, object] = {"deadline": self.deadline}
        self.started = time.perf_counter()
        self.time_is_up = False

    def run(self) -> None:
        doors.raise_file_limit()
        self._say(phase="Loading the model")
        model = models.read(self.spec.model_id)
        models.unpack(model.folder.artifact, self.worker.folder.model)
        inference, network = _load(self.worker.folder.model)
        self.worker.check_stop()
        self._say(phase="Choosing the fastest engine")
        found = _install_engine(inference, network, model, self.spec.precision)
        chosen = Form.from_json(found)
        self._say(phase="Running the smoke test", form=chosen.form, chosen=found)
        recorder = None
        if self.spec.capture_share:
            recorder = capture.Recorder(self.worker.folder, self.spec)
        prepare = _nothing
        if chosen.workers > 1:
            prepare = _one_core
        service = Service(
            inference, network, batch=chosen.batch, workers=chosen.workers, prepare=prepare
        )
        try:
            self._serve(service, recorder)
        finally:
            if recorder:
                recorder.close()
        if not self.time_is_up:
            raise BackendError(ENDED)

    def _serve(self, service: Service, recorder: capture.Recorder | None) -> None:
        listener, taken = _listener(self.spec.port)
        self.progress["port_taken"] = 0
        if taken:
            self.progress["port_taken"] = self.spec.port
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        application = server.application(service, self.progress)
        running = doors.server(application, GRACE_SECONDS)
        proof: list[BaseException] = []
        threading.Thread(
            target=self._prove, args=(running, service, recorder, url, proof), daemon=True
        ).start()
        threading.Thread(target=self._watch, args=(running,), daemon=True).start()
        running.run(sockets=[listener])
        if proof and not self.time_is_up:
            raise BackendError(f"The endpoint started, but its smoke test failed: {proof[0]}")

    def _prove(
        self,
        running: uvicorn.Server,
        service: Service,
        recorder: capture.Recorder | None,
        url: str,
        proof: list[BaseException],
    ) -> None:
        try:
            milliseconds = server.smoke(url)
            # The smoke test is neither counted nor stored.
            service.reset()
            if recorder:
                service.on_answer = recorder.offer
            seconds = time.perf_counter() - self.started
            self._say(
                phase="",
                url=url,
                smoke_ms=round(milliseconds, 1),
                start_seconds=round(seconds, 2),
                since=time.time(),
            )
            logger.info(
                "Live at %s after %.1f s; smoke test: %.1f ms.",
                url,
                seconds,
                milliseconds,
            )
        except Exception as error:
            proof.append(error)
            running.should_exit = True

    def _watch(self, running: uvicorn.Server) -> None:
        """Stop the server at its deadline, by wall-clock time, so that sleep of the machine counts.

        Until then, return unused memory to the system.
        """
        kept: memory.Keeper | None = None
        while not running.should_exit:
            self.time_is_up = self.deadline is not None and time.time() >= self.deadline
            running.should_exit = self.time_is_up or self.worker.stopping
            if "url" in self.progress:
                kept = kept or memory.Keeper()
                kept.give_back()
            time.sleep(WATCH_SECONDS)

    def _say(self, **values: object) -> None:
        self.progress |= values
        self.worker.progress(**self.progress)


def _listener(port: int) -> tuple[socket.socket, bool]:
    """Return a listening socket on the wanted port, or on a free one if that is 0 or in use; and
    whether it was in use."""
    # With the protocol given, asyncio turns off Nagle's algorithm; otherwise an answer is delayed
    # by
    # 40 ms.
    listener = doors.Listener(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        taken = False
    except OSError:
        listener.bind((HOST, 0))
        taken = True
    listener.listen(doors.backlog())
    return listener, taken


def _load(folder: Path) -> tuple[ModuleType, Any]:
    """Return the artifact's `inference.py` and its model; nothing is imported from the project."""
    code = folder / "code"
    sys.path.insert(0, str(code))
    spec = importlib.util.spec_from_file_location("inference", code / "inference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["inference"] = module
    spec.loader.exec_module(module)
    try:
        return module, module.model_fn(str(folder))
    except Exception as error:
        logger.critical("The model can't be loaded.", exc_info=True)
        raise BackendError(f"The model can't be loaded: {error}") from error


def _install_engine(
    inference: ModuleType, network: Any, model: Model, precision: str
) -> Mapping[str, object]:
    """Install the fastest engine, by fieldmark_ml/engines/single_photo.py; plain torch if the
    artifact does not support others. Return its description."""
    own = str(model.description.get("hyperparameters", {}).get("precision", "auto"))
    sys.path.append(str(settings.SM_SCRIPTS))
    try:
        found = fetching.photos_for_model(model, PARITY_PHOTOS)
        decoded = fetching.decode_photos(inference, found or [server.smoke_image()])
        cache = settings.features_dir() / "networks" / model.id
        # Without photos of the model there is no proof that rounding keeps the answers.
        arithmetic = "exact"
        if found and "exact" not in (own, precision):
            arithmetic = "auto"
        engine = import_module("fieldmark_ml.engines.single_photo")
        return asdict(engine.install(network, arithmetic, processes.cores(), cache, decoded))
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        logger.warning("The fast engines can't be used (%s); using plain torch.", why)
        return {"form": "torch fp32", "batch": 1, "workers": 1, "photos": 0}


def some_photos(model: Model, count: int) -> list[bytes]:
    """Return up to `count` photos that the model was not trained on; the smoke image if they are
    deleted."""
    return [path.read_bytes() for path in fetching.photos_for_model(model, count)] or [
        server.smoke_image()
    ]


def _nothing() -> None:
    """Do nothing: a single thread uses all cores."""


def _one_core() -> None:
    """Use one core per thread: several threads on all cores would slow each other down."""
    import torch

    torch.set_num_threads(1)
