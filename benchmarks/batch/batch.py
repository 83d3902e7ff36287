"""A batch of photos in a running app, next to the same model and engine with photos already in
memory.

On a CPU, reading and decoding use the same cores as the network, so they cannot overlap with it as
on a GPU. `possible` is the share of the forward-only rate that remains if nothing else is lost.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import dataclass

from benchmarks import harness, running_app
from benchmarks.harness import Outcome, Row
from benchmarks.photos import Photos, photos
from core import settings
from core.backends import LOCAL
from core.jobs import processes
from core.jobs.specs import TransformSpec
from core.jobs.status.progress import BatchProgress
from core.jobs.store import State
from core.models import store as models
from core.models.store import Model

REPEATS = 3
# The faster the network, the tighter the bound by decoding; so the fastest preset is shown, too.
PRESET, QUICK = "best", "fast"
SPLIT = "test"


@dataclass(frozen=True)
class Rates:
    """Photos per second of the whole batch, of the network alone,
    and of reading and decoding alone; medians of REPEATS.
    """

    batch: float
    forward: float
    decode: float
    form: str
    accuracy: float
    n: int

    @property
    def share(self) -> float:
        return self.batch / self.forward

    @property
    def possible(self) -> float:
        """Return the share that remains if both use the same cores: 1 / (1 / forward + 1 /
        decode)."""
        return 1 / (1 / self.forward + 1 / self.decode) / self.forward


def run() -> Outcome:
    where = photos()
    with running_app.running():
        best, quick = (rates(trained(where, preset)) for preset in (PRESET, QUICK))
        plain = harness.run_peer(
            "batch_loop",
            where.root,
            where.manifest,
            "--model",
            str(trained(where, PRESET).folder.model),
        ).report()
    return Outcome(
        "batch",
        "photos/s",
        Row(f"ours: batch, {PRESET}", best.batch, best.accuracy, _note(best)),
        Row(f"network alone, {PRESET}", best.forward, note=f"{best.form}, photos in memory"),
        0.9,
        best.n,
        more_is_better=True,
        others=(
            Row(
                "peer: a DataLoader loop",
                plain["images_per_second"],
                plain["accuracy"],
                f"{PRESET}, eager fp32, Pillow, two workers",
            ),
            Row(
                f"ours: batch, {QUICK}",
                quick.batch,
                quick.accuracy,
                f"{quick.share:.2f} of its network alone; {_note(quick)}",
                compared=False,
            ),
            Row(
                f"network alone, {QUICK}",
                quick.forward,
                note=f"{quick.form}, photos in memory",
                compared=False,
            ),
        ),
        extra={
            "possible": round(best.possible, 3),
            "loop": round(plain["images_per_second"], 1),
            QUICK: {
                "batch": round(quick.batch, 1),
                "forward": round(quick.forward, 1),
                "possible": round(quick.possible, 3),
            },
        },
    )


def trained(where: Photos, preset: str) -> Model:
    """Return the model of a preset, trained once."""
    for model in models.listing():
        if model.job.spec["hyperparameters"].get("preset") == preset:
            return model
    running_app.train(where, preset, preset=preset)
    return models.listing()[0]


def rates(model: Model) -> Rates:
    """Run the batch and its parts alternately, so that load on the machine slows each of them."""
    batches, parts = [], []
    for number in range(REPEATS + 1):
        facts = transform(model)
        # The first run converts the networks and compares the answers.
        if number:
            batches.append(facts)
            parts.append(alone(model))
    middle = {
        name: statistics.median(part[name] for part in parts) for name in ("forward", "decode")
    }
    last = batches[-1]
    rate = statistics.median(facts.images_per_second or 0 for facts in batches)
    return Rates(
        rate,
        **middle,
        form=last.form,
        accuracy=last.correct / last.labelled,
        n=last.labelled,
    )


def transform(model: Model) -> BatchProgress:
    """Run one transform job as the Batch page does, and return its final report."""
    print(f"  ours: batch of {SPLIT}, {model.name} ...", end="", file=sys.stderr, flush=True)
    spec = TransformSpec(
        "benchmark",
        model.id,
        "split",
        dataset_id=model.dataset_id,
        version_id=model.version_id,
        split=SPLIT,
    )
    job = LOCAL.transform(spec)
    clicked = time.perf_counter()
    # Rarely, because on two cores polling affects the measurement.
    while not LOCAL.refresh(job).state.is_finished:
        time.sleep(0.25)
    seconds = time.perf_counter() - clicked
    ended = LOCAL.refresh(job)
    if ended.state is not State.COMPLETED:
        raise harness.BenchmarkError(f"the batch ended as {ended.state}: {ended.status.reason}")
    told = BatchProgress.from_json(ended.status.progress)
    print(
        f" {told.images_per_second or 0:.0f} photos/s, {seconds:.1f} s in all",
        file=sys.stderr,
        flush=True,
    )
    return told


def alone(model: Model) -> dict[str, float]:
    """Return the rates of the parts, in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.batch.parts", model.id, SPLIT]
    env = {**processes.worker_environment(), "PYTHONPATH": str(settings.PROJECT)}
    return dict(
        json.loads(
            harness.run(
                command, cwd=settings.PROJECT, env=env, label="the network alone, decoding alone"
            ).lines[-1][1]
        )
    )


def _note(measured: Rates) -> str:
    return f"decoding limits it to {measured.possible:.2f} on these cores"
