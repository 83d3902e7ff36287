"""A model on the engine with the lowest latency for single photos: each candidate is timed on this
machine and compared with eager fp32.

    chosen = single_photo.install(model, "auto", cpus=2, cache=Path("networks"), photos=decoded)

Needs choose.py, which is not part of an artifact: this module is for servers on this machine.
"""

from __future__ import annotations

import copy
import functools
import json
import platform
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from fieldmark_ml.engines import choose as engines
from fieldmark_ml.engines import fastest
from fieldmark_ml.engines.first_use import import_openvino
from fieldmark_ml.network.backbones import Backbone
from fieldmark_ml.runtime import log, write_atomic

PLAIN = "torch fp32"
KEPT = "serving.json"
TRIES = 3
# More threads for one photo gain nothing and delay other requests.
MAX_THREADS_ALONE = 8


@dataclass(frozen=True)
class Chosen:
    """The chosen engine: at most `batch` photos at a time in each of `workers` threads.
    `milliseconds` is the network's cost per photo (CPU time; on a GPU wall time),
    `plain_milliseconds` the same in eager fp32. `same_class` and `max_difference` (of a
    probability) compare the two on `photos` photos."""

    form: str
    batch: int
    workers: int
    milliseconds: float
    plain_milliseconds: float
    photos: int
    max_difference: float
    same_class: int


class SoloEngine:
    """OpenVINO, one photo at a time: all cores for it while it is alone, one core for each if
    several threads call at once.

    Larger batches cost more for each photo on a CPU (lite0, bf16: 2.8 ms of a core alone, 3.0 in a
    batch of 8), because the activations of one photo stay in the cache.
    """

    batch = 1

    def __init__(
        self, make: Callable[[], Backbone], size: int, precision: str, cpus: int, cache: Path | None
    ) -> None:
        self.precision, self.workers = precision, max(1, cpus)
        self.name = f"OpenVINO {precision}"
        openvino = import_openvino()
        core = openvino.Core()
        network = engines.converted(openvino, core, make, size, cache)
        network.reshape([1, 3, size, size])
        self._shared = self._compile(core, network, self.workers, self.workers)
        self._alone = self._shared
        if self.workers > 1:
            threads = min(self.workers, MAX_THREADS_ALONE)
            self._alone = self._compile(core, network, 1, threads)
        self._lock, self._calls = threading.Lock(), 0
        self._threads = threading.local()
        for compiled in (self._alone, self._shared):
            engines.run_once(compiled, (1, 3, size, size))

    def _compile(self, core: Any, network: Any, streams: int, threads: int) -> Any:
        options = {
            "INFERENCE_PRECISION_HINT": {"bf16": "bf16", "fp32": "f32"}[self.precision],
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,
        }
        return core.compile_model(network, "CPU", options)

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map uint8 [n, 3, size, size] to float32 [n, dimensions]"""
        if not hasattr(self._threads, "requests"):
            self._threads.requests = (
                self._alone.create_infer_request(),
                self._shared.create_infer_request(),
            )
        with self._lock:
            self._calls += 1
            request = self._threads.requests[self._calls > 1]
        try:
            made = [
                torch.from_numpy(request.infer([photo[None].numpy()], share_inputs=True)[0].copy())
                for photo in pixels.contiguous()
            ]
            return torch.cat(made)
        finally:
            with self._lock:
                self._calls -= 1


def install(
    model: Any, precision: str, cpus: int, cache: Path, photos: Iterable[torch.Tensor]
) -> Chosen:
    """Put the first engine that is faster than eager fp32 and gives the same answers into
    `model.forms`, or leave eager fp32.

    Candidates are tried in the order of the gain measured in development; each further one would
    delay the start.

    `precision` is `auto`, or `exact` for fp32 arithmetic only. `photos` (uint8 [3, height, width])
    are compared, as many as there is time for; the result is kept in the folder `cache`, for a
    later start on the same machine.
    """
    machine = (
        f"{cpus} cores, {platform.processor() or platform.machine()}, torch {torch.__version__}"
    )
    key = f"{precision}, {machine}, within {fastest.MAX_DIFFERENCE}"
    known = functools.cache(lambda: _reference(model, photos))
    names = _candidates(precision, model.device)
    kept = _kept(cache, key)
    if kept and kept.form in (PLAIN, *names):
        names = [kept.form]
    else:
        kept = None
    for name in names:
        try:
            model.forms = _build(model, name, cpus, cache)
            chosen = kept or _measured(model, name, cpus, known())
        except Exception as error:
            log(
                f"{name} cannot run this model ({type(error).__name__}: "
                f"{(str(error).splitlines() or [''])[0][:200]})"
            )
            continue
        if chosen:
            _keep(cache, key, chosen)
            return chosen
    fastest.uninstall(model)
    return _plain(_milliseconds(model, known().inputs[0]))


def _reference(model: Any, photos: Iterable[torch.Tensor]) -> fastest.Reference:
    # On one core: when other jobs run too, torch waits longer for a second core than it works.
    with engines.one_thread():
        return fastest.reference(model, photos)


def _candidates(precision: str, device: torch.device) -> list[str]:
    """Return the candidates, probably fastest first."""
    bf16 = engines.precision_of(precision, device) == "bf16"
    if device.type == "cuda":
        names = ["torch bf16, folded", "torch fp32, folded"]
    else:
        names = ["OpenVINO bf16", "OpenVINO fp32", "torch bf16, folded"]
    return [name for name in names if bf16 or "bf16" not in name]


def _build(model: Any, name: str, cpus: int, cache: Path) -> list[Any]:
    """Return the engine of that name for each backbone."""
    if name == PLAIN:
        return list(model.backbones)
    family, arithmetic = name.removesuffix(", folded").split()
    made: list[Any] = []
    for index, (backbone, entry) in enumerate(
        zip(model.backbones, model.info["backbones"], strict=True)
    ):
        make = functools.partial(copy.deepcopy, backbone)
        size = int(entry["image_size"])
        if family == "OpenVINO":
            made.append(SoloEngine(make, size, arithmetic, cpus, cache / f"{index}-{size}"))
        else:
            made.append(engines.TorchEngine(make(), "fast", arithmetic, model.device, cpus))
    return made


def _measured(model: Any, name: str, cpus: int, known: fastest.Reference) -> Chosen | None:
    """Measure the engine in `model.forms` against eager fp32; None if it is slower or gives other
    answers."""
    made = model.forms
    batch = min(form.batch for form in made)
    with engines.one_thread():
        parity = fastest.parity(model, known, batch)
        milliseconds = _milliseconds(model, known.inputs[0])
        fastest.uninstall(model)
        plain, model.forms = _milliseconds(model, known.inputs[0]), made
    log(f"{name}: {milliseconds:.1f} ms a photo, plain fp32 {plain:.1f} ms; {parity}")
    if not parity.good or milliseconds > plain:
        return None
    workers = cpus if model.device.type == "cuda" else max(form.workers for form in made)
    figures = (
        round(milliseconds, 3),
        round(plain, 3),
        parity.photos,
        round(parity.max_difference, 6),
        parity.same_class,
    )
    return Chosen(name, batch, workers, *figures)


def _plain(milliseconds: float) -> Chosen:
    return Chosen(PLAIN, 1, 1, round(milliseconds, 3), round(milliseconds, 3), 0, 0.0, 0)


def _kept(cache: Path, key: str) -> Chosen | None:
    try:
        found = json.loads((cache / KEPT).read_bytes())
        if found["key"] == key:
            return Chosen(**found["chosen"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _keep(cache: Path, key: str, chosen: Chosen) -> None:
    write_atomic(cache / KEPT, json.dumps({"key": key, "chosen": asdict(chosen)}).encode())


def _milliseconds(model: Any, inputs: list[torch.Tensor]) -> float:
    """Return the lowest of TRIES, because disturbances only add. CPU time, so that other jobs on
    this machine count for little."""
    clock = time.perf_counter if model.device.type == "cuda" else time.process_time
    taken = []
    with torch.inference_mode():
        for _ in range(TRIES):
            start = clock()
            model.features(inputs)
            taken.append(clock() - start)
    return 1000 * min(taken)
