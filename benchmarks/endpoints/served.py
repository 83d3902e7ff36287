"""Shared by `endpoint_latency` and `endpoint_throughput`: Fieldmark's endpoint and TorchServe,
running together, with the same model and photos. The clients are the same for both: threads with a
kept connection that send real JPEGs one after the other."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import harness, running_app
from benchmarks.harness import BenchmarkError
from benchmarks.peers import torchserve
from benchmarks.photos import Photos, photos
from core import settings
from core.backends import LOCAL, Endpoint, EndpointState
from core.backends.local.endpoints import client
from core.datasets import store
from core.endpoints import load_test
from core.errors import BackendError
from core.jobs import processes
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec
from core.jobs.store import State, Status
from core.models import store as models
from core.models.store import Model

ARCH, OTHER = "lite0", "resnet18"
ROUNDS = 3
TRIAL = 30
SECONDS = 60.0
MEDIA_TYPE = "application/x-image"


@dataclass(frozen=True)
class Side:
    """One server: `results` are its rounds, `accuracy` its top-1 on the test photos."""

    url: str
    results: tuple[load_test.Result, ...]
    accuracy: float

    def quantile(self, share: float) -> float:
        """Return the median over the rounds, in milliseconds."""
        return statistics.median(result.quantile(share) for result in self.results)

    @property
    def per_second(self) -> float:
        return statistics.median(result.per_second for result in self.results)


@dataclass(frozen=True)
class Duel:
    """Both servers over `n` test photos, and their engines."""

    ours: Side
    peer: Side
    form: str
    peer_form: str
    n: int


def best_peer(
    arch: str, *, requests: int, clients: int, better: Callable[[load_test.Result], float]
) -> Duel:
    """Measure both servers alternately, ROUNDS times. The peer uses the better setting of a short
    trial, by `better`: all cores in one worker, or workers of one core each. If other programs run,
    the threads of a worker wait for each other."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    where = photos()
    bodies, _ = _test_photos(where)
    tried = {}
    with running_app.running():
        for workers, threads in dict.fromkeys([(1, cores), (min(cores, clients), 1)]):
            with _peer(where, arch, workers, threads) as url:
                label = f"{arch}, trial of the peer with {workers} x {threads}"
                tried[workers, threads] = better(
                    _round(label, url, bodies, TRIAL * clients, clients)
                )
    workers, threads = max(tried, key=lambda setting: tried[setting])
    return _duel(arch, requests=requests, clients=clients, workers=workers, threads=threads)


def _duel(arch: str, *, requests: int, clients: int, workers: int, threads: int) -> Duel:
    """Measure both servers alternately, ROUNDS times.

    The peer has `workers` processes of `threads` threads each.
    """
    where = photos()
    bodies, labels = _test_photos(where)
    with running_app.running(), _peer(where, arch, workers, threads) as peer:
        endpoint = _deployed(_model(where, arch))
        try:
            urls = {"ours": endpoint.url, "peer": peer}
            accuracy = {name: _accuracy(url, bodies, labels) for name, url in urls.items()}
            rounds: dict[str, list[load_test.Result]] = {name: [] for name in urls}
            for _ in range(ROUNDS):
                for name, url in urls.items():
                    rounds[name].append(_round(f"{arch}, {name}", url, bodies, requests, clients))
        finally:
            LOCAL.delete(endpoint)
    sides = {name: Side(url, tuple(rounds[name]), accuracy[name]) for name, url in urls.items()}
    peer_form = f"eager fp32, workers x threads: {workers} x {threads}"
    return Duel(sides["ours"], sides["peer"], endpoint.details.form, peer_form, len(bodies))


@contextmanager
def _peer(where: Photos, arch: str, workers: int, threads: int) -> Iterator[str]:
    try:
        torchserve.environment()
    except torchserve.Missing as error:
        raise BenchmarkError(f"the peer can't run here: {error}") from error
    with tempfile.TemporaryDirectory(dir=harness.workspace()) as work:
        exported, folder = Path(work, "model"), Path(work, "server")
        folder.mkdir()
        _python(
            "benchmarks.peers.torchserve_export",
            str(_model(where, arch).folder.model),
            str(exported),
        )
        with torchserve.serving(exported, folder, workers=workers, threads=threads) as url:
            yield url


def _model(where: Photos, arch: str) -> Model:
    """Return the model of that architecture: trained where its weights are at hand, else random."""
    found = {model.description["arch"]: model for model in models.listing()}
    if arch in found:
        return found[arch]
    if arch == ARCH:
        running_app.train(where, arch, arch=arch)
    else:
        _random(_model(where, ARCH), arch)
    return next(model for model in models.listing() if model.description["arch"] == arch)


def _random(source: Model, arch: str) -> None:
    """Return a training job's folder with a model of random weights."""
    job, lock = jobs.create(jobs.new_id("training"), "training", arch, "local", source.job.spec)
    if lock is not None:
        os.close(lock)
    _python(
        "benchmarks.endpoints.random_model", str(source.folder.model), str(job.folder.model), arch
    )
    models.pack(job.folder.model, job.folder.artifact)
    jobs.write_status(job.folder, Status(State.COMPLETED, started=time.time(), ended=time.time()))


def _python(module: str, *arguments: str) -> None:
    env = {**processes.clean_environment(), "PYTHONPATH": str(settings.PROJECT)}
    harness.run(
        [sys.executable, "-m", module, *arguments], cwd=settings.PROJECT, env=env, label=module
    )


def _deployed(model: Model) -> Endpoint:
    spec = EndpointSpec("benchmark", model.id)
    LOCAL.deploy(spec)
    start = time.perf_counter()
    running_app.wait_for(lambda: _now(spec.id).state is not EndpointState.CREATING, start)
    endpoint = _now(spec.id)
    if endpoint.state is not EndpointState.IN_SERVICE:
        raise BenchmarkError(f"the endpoint is {endpoint.state}: {endpoint.reason}")
    return endpoint


def _now(endpoint_id: str) -> Endpoint:
    return next(endpoint for endpoint in LOCAL.endpoints() if endpoint.id == endpoint_id)


def _test_photos(where: Photos) -> tuple[list[bytes], list[str]]:
    rows = store.manifest_of(where.version, ["path", "label"], [("split", "==", "test")])
    return [(where.root / path).read_bytes() for path in rows["path"]], list(rows["label"])


def _accuracy(url: str, bodies: list[bytes], labels: list[str]) -> float:
    connection = client.Connection(url, SECONDS)
    said = [
        json.loads(connection.post(body, MEDIA_TYPE)[1])["predictions"][0]["label"]
        for body in bodies
    ]
    return sum(one == other for one, other in zip(said, labels, strict=True)) / len(labels)


def _round(
    label: str, url: str, bodies: list[bytes], requests: int, clients: int
) -> load_test.Result:
    def connect() -> load_test.Send:
        connection = client.Connection(url, SECONDS)

        def send(body: bytes) -> None:
            status, answer = connection.post(body, MEDIA_TYPE)
            if status != 200:
                raise BackendError(f"{status}: {answer[:200]!r}")

        return send

    result = load_test.run(connect, bodies, requests=requests, clients=clients)
    print(
        f"  {label}: p50 {result.quantile(0.5):.1f} ms, {result.per_second:.0f}/s",
        file=sys.stderr,
        flush=True,
    )
    if result.failed:
        raise BenchmarkError(
            f"{result.failed} of {requests} requests failed: {dict(result.errors)}"
        )
    return result
