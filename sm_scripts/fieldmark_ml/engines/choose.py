"""Engines of a backbone: the same features by different arithmetic, from eager torch to the fastest
the hardware offers. The engine is chosen by a fixed rule, because timing them at the start of each
job would cost more than it gains (see `choose`)."""

from __future__ import annotations

import copy
import importlib.util
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from fieldmark_ml.engines.first_use import import_openvino
from fieldmark_ml.network.backbones import Backbone, fold_batch_norm
from fieldmark_ml.runtime import log

BATCH = 8
# The fastest batch on two Zen 5 cores: lite0 at 288 in bf16, 490 photos/s, against 420 with 8 whose
# layers no longer fit the cache.
OPENVINO_BATCH = 4
CUDA_BATCH = 64
FOLDING_TOLERANCE = 1e-3
PROBE_SIZE = 64
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Engine(Protocol):
    """`precision` is `fp32` or `bf16` (it names cached features), `workers` the number of threads
    that may call it at once."""

    name: str
    precision: str
    batch: int
    workers: int

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map uint8 [n, 3, size, size], n <= batch, to float32 [n, dimensions] on the CPU."""
        ...


def precision_of(precision: str, device: torch.device) -> str:
    """Return the arithmetic that `--precision` means on this machine, before an engine is made."""
    if precision == "exact" or not _has_bf16(device):
        return "fp32"
    return "bf16"


def choose(
    make: Callable[[], Backbone],
    size: int,
    precision: str,
    device: torch.device,
    cpus: int,
    cache: Path | None,
    arithmetic: str = "",
) -> Engine:
    """Return the fastest engine of a backbone whose answers stay within the requested precision.

    On a CPU that is OpenVINO if it is installed (lite0 at 288 on two Sapphire Rapids cores: 398
    photos/s in bf16 against 118 of torch), else torch with batch-norm folded before rounding,
    channels last, two or more threads of one core each. `exact` is eager fp32. `cache` is a folder
    for converted networks. `arithmetic` (fp32 or bf16) is what `precision` means if not named.
    """
    arithmetic = arithmetic or precision_of(precision, device)
    if device.type == "cuda":
        return TorchEngine(
            make(), "exact" if precision == "exact" else "fast", arithmetic, device, max(2, cpus)
        )
    if precision == "exact":
        return TorchEngine(make(), "exact", arithmetic, device, 1)
    if importlib.util.find_spec("openvino"):
        try:
            return OpenVinoEngine(make, size, arithmetic, cpus, cache)
        except Exception as error:
            log(
                f"OpenVINO cannot run this backbone ({type(error).__name__}: "
                f"{str(error).splitlines()[0][:200]}); using torch instead"
            )
    return TorchEngine(make(), "fast", arithmetic, device, cpus)


class TorchEngine:
    def __init__(
        self, backbone: Backbone, kind: str, precision: str, device: torch.device, workers: int
    ) -> None:
        self.precision, self.workers, self.device, self.kind = precision, workers, device, kind
        self.batch = CUDA_BATCH if device.type == "cuda" else BATCH
        self.type = _TYPES[precision]
        if kind == "exact":
            self.name = f"torch {precision}"
            self.network = backbone.network.to(device, self.type)
        else:
            self.name = f"torch {precision}, batch-norm folded, channels last"
            self.network = folded(backbone).network.to(device, self.type)
            self.network = self.network.to(memory_format=torch.channels_last)
        self.mean, self.scale = backbone.mean.to(device), backbone.scale.to(device)
        self._threads = threading.local()

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        if self.workers > 1 and not hasattr(self._threads, "set"):
            # Several workers with one core each waste less time than one worker that splits its
            # work over all cores.
            torch.set_num_threads(1)
            self._threads.set = True
        with torch.inference_mode():
            values = (pixels.to(self.device, non_blocking=True).float() - self.mean) * self.scale
            if self.kind != "exact":
                values = values.contiguous(memory_format=torch.channels_last)
            return self.network(values.to(self.type)).float().cpu()


class OpenVinoEngine:
    def __init__(
        self, make: Callable[[], Backbone], size: int, precision: str, cpus: int, cache: Path | None
    ) -> None:
        self.precision, self.workers, self.batch = precision, max(1, cpus), OPENVINO_BATCH
        self.name = f"OpenVINO {precision}"
        openvino = import_openvino()
        core = openvino.Core()
        network = converted(openvino, core, make, size, cache)
        network.reshape([self.batch, 3, size, size])
        self._compiled = core.compile_model(
            network,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": {"bf16": "bf16", "fp32": "f32"}[precision],
                "NUM_STREAMS": self.workers,
                "INFERENCE_NUM_THREADS": self.workers,
                "ENABLE_CPU_PINNING": False,
            },
        )
        run_once(self._compiled, (self.batch, 3, size, size))
        self._threads = threading.local()

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        if not hasattr(self._threads, "request"):
            self._threads.request = self._compiled.create_infer_request()
        count = len(pixels)
        if count < self.batch:
            pixels = torch.cat([pixels, pixels.new_zeros(self.batch - count, *pixels.shape[1:])])
        answer = self._threads.request.infer([pixels.contiguous().numpy()], share_inputs=True)[0]
        return torch.from_numpy(answer[:count].copy())


def folded(backbone: Backbone) -> Backbone:
    """Return a copy with batch-norm folded into the convolutions, or the backbone itself if it has
    none or if its answers would change."""
    if not any(isinstance(module, torch.nn.BatchNorm2d) for module in backbone.modules()):
        return backbone
    copied = copy.deepcopy(backbone)
    fold_batch_norm(copied.network)
    probe = torch.randint(
        0,
        256,
        (1, 3, PROBE_SIZE, PROBE_SIZE),
        dtype=torch.uint8,
        generator=torch.Generator().manual_seed(0),
    )
    with torch.inference_mode(), one_thread():
        change = (copied(probe) - backbone(probe)).abs().max().item()
    return copied if change < FOLDING_TOLERANCE else backbone


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one core for work on a single photo: when other jobs run too, waiting for a second core
    takes longer than the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_once(compiled: Any, shape: tuple[int, ...]) -> None:
    """Run a compiled network once in this thread before several threads do, so that its first-use
    set-up runs once."""
    compiled.create_infer_request().infer([np.zeros(shape, np.uint8)], share_inputs=True)


def converted(
    openvino: Any, core: Any, make: Callable[[], Backbone], size: int, cache: Path | None
) -> Any:
    """Return a backbone as an OpenVINO network for a batch of one, from the folder `cache` if it
    was kept there before."""
    path = cache / "openvino.xml" if cache else None
    if path and path.is_file():
        try:
            return core.read_model(path)
        except RuntimeError as error:
            log(f"{path} cannot be read and is converted again: {str(error).splitlines()[0]}")
    example = torch.zeros(1, 3, size, size, dtype=torch.uint8)
    with torch.no_grad(), warnings.catch_warnings(), one_thread():
        warnings.simplefilter("ignore", FutureWarning)
        # Folded and traced here: OpenVINO would trace the longer network and then run it twice more
        # as a check, which takes three times as long.
        network = openvino.convert_model(
            torch.jit.trace(folded(make()), example, check_trace=False), example_input=example
        )
    if path:
        _save(openvino, network, path)
    return network


def _save(openvino: Any, network: Any, path: Path) -> None:
    """Write the .bin before the .xml that names it, so that a reader never finds half a network."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"draft-{threading.get_ident()}.xml")
    openvino.save_model(network, draft, compress_to_fp16=False)
    draft.with_suffix(".bin").replace(path.with_suffix(".bin"))
    draft.replace(path)


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return _cpu_bf16()


def _cpu_bf16() -> bool:
    """Return whether the CPU has bf16 instructions (AVX-512 BF16 or AMX); without that, bf16 is
    slower than fp32."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
