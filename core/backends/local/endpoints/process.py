"""The process of an endpoint: loads the model, finds its fastest form, proves itself, serves until
it is ended or its time is up.

It says InService only after a smoke image came back through its own HTTP door, for an open port
proves nothing. The deadline is kept here, so that it holds with the app closed.
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
    "The server was asked to end, as when the machine shuts down. Deploy the model again to "
    "serve it."
)


def run(worker: Worker) -> None:
    """Serves until the deadline, after which the job is Completed. Raises BackendError where it
    can't serve or is ended otherwise."""
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
        found = _fastest_form(inference, network, model, self.spec.precision)
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
            raise BackendError(f"The server started, but its smoke image failed: {proof[0]}")

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
            # Neither counted nor kept: what comes from here on is what it is sent.
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
                "In service at %s after %.1f s; the smoke image took %.1f ms.",
                url,
                seconds,
                milliseconds,
            )
        except Exception as error:
            proof.append(error)
            running.should_exit = True

    def _watch(self, running: uvicorn.Server) -> None:
        """Ends the server at its deadline, by the clock on the wall: sleep of the machine counts.

        Until then it gives back memory that is needed no more.
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
    """A listening socket on the wanted port, or on a free one where that is 0 or taken; and whether
    it was taken."""
    # The protocol is named, because asyncio turns off Nagle's algorithm only then: without that an
    # answer waits 40 ms.
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
    """The artifact's `inference.py` and its model, imported from the artifact and from nowhere else
    of the project."""
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
        logger.critical("The model could not be loaded.", exc_info=True)
        raise BackendError(f"The model could not be loaded: {error}") from error


def _fastest_form(
    inference: ModuleType, network: Any, model: Model, precision: str
) -> Mapping[str, object]:
    """What answers from here on, by fieldmark_ml/engines/single_photo.py; plain torch where this
    artifact can't use it."""
    own = str(model.description.get("hyperparameters", {}).get("precision", "auto"))
    sys.path.append(str(settings.SM_SCRIPTS))
    try:
        found = fetching.photos_for_model(model, PARITY_PHOTOS)
        decoded = fetching.decode_photos(inference, found or [server.smoke_image()])
        cache = settings.features_dir() / "networks" / model.id
        # Where no photo of its own is left, nothing shows that rounding would change no answer.
        arithmetic = "exact"
        if found and "exact" not in (own, precision):
            arithmetic = "auto"
        engine = import_module("fieldmark_ml.engines.single_photo")
        return asdict(engine.install(network, arithmetic, processes.cores(), cache, decoded))
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        logger.warning("The fast forms can't be used (%s); plain torch answers.", why)
        return {"form": "torch fp32", "batch": 1, "workers": 1, "photos": 0}


def some_photos(model: Model, count: int) -> list[bytes]:
    """Photos that the model has not learned from, `count` at most; the smoke image where they are
    gone."""
    return [path.read_bytes() for path in fetching.photos_for_model(model, count)] or [
        server.smoke_image()
    ]


def _nothing() -> None:
    """A model whose one thread has all the cores needs no preparation."""


def _one_core() -> None:
    """Several threads with a core each waste less than all sharing all cores."""
    import torch

    torch.set_num_threads(1)
