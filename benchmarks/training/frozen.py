"""The runs that `cold_train` and `warm_train` share, each made once per process, so that both
compare with the same peers. Fieldmark is timed twice: from the click on Train in a running app
until the job is Completed, and as the bare script from a shell, which includes importing torch, as
for the peers."""

from __future__ import annotations

import functools
import shutil
import statistics

from benchmarks import harness, running_app
from benchmarks.harness import Row
from benchmarks.photos import photos
from benchmarks.training.trainer import Training, train
from core import settings

REPEATS = 3
PRESET = "fast"
# Typical next settings: each trains the head again on cached features.
CHANGES = (
    {"weight_decay": "0.1"},
    {"head": "mlp"},
    {"label_smoothing": "0.05"},
    {"optimizer": "adamw"},
    {"seed": "11"},
)


@functools.cache
def workshop() -> Row:
    """Run the workshop's recipe, optimised, once: it takes minutes."""
    where = photos()
    run = harness.run_peer("workshop", where.root, where.manifest)
    return Row(
        "peer: the workshop's recipe",
        run.seconds,
        run.report()["accuracy"],
        "backbone in every epoch, fp32, one run",
    )


@functools.cache
def notebook() -> Row:
    """Run the recipe as written in the notebook, once: it validates at every third step."""
    where = photos()
    run = harness.run_peer("workshop", where.root, where.manifest, "--validate_every", "3")
    return Row(
        "peer: the same, as written",
        run.seconds,
        run.report()["accuracy"],
        "validation at every third step, one run",
    )


@functools.cache
def plain() -> Row:
    """Return the plain cached-feature loop, a median."""
    where = photos()
    runs = [harness.run_peer("cached", where.root, where.manifest) for _ in range(REPEATS)]
    seconds = statistics.median(run.seconds for run in runs)
    return Row(
        "peer: a plain feature loop",
        seconds,
        runs[0].report()["accuracy"],
        f"features once, fp32, median of {REPEATS}",
    )


@functools.cache
def in_the_app() -> tuple[running_app.Watched, running_app.Watched]:
    """Medians of jobs in a running app: cold, the feature cache emptied before each, and warm,
    with changed hyperparameters.
    """
    where, cold = photos(), []
    with running_app.running():
        for _ in range(REPEATS):
            forget_features()
            cold.append(running_app.train(where, "cold, in the app", preset=PRESET))
        warm = [
            running_app.train(where, f"warm, in the app, {change}", preset=PRESET, **change)
            for change in CHANGES
        ]
    return running_app.median(cold), running_app.median(warm)


def forget_features() -> None:
    """Remove all except the converted networks, which an app prepares at its start, before there
    are photos."""
    for folder in settings.features_dir().iterdir():
        if folder.name != "networks":
            shutil.rmtree(folder)


@functools.cache
def from_a_shell() -> tuple[Training, Training]:
    """Return the same as bare scripts: the cold run with the median time, and the warm one."""
    where = photos()
    folders = [harness.workspace() / f"features-{number}" for number in range(REPEATS)]
    cold = [train(where, folder, label="cold, from a shell", preset=PRESET) for folder in folders]
    warm = [
        train(where, folders[-1], label=f"warm, from a shell, {change}", preset=PRESET, **change)
        for change in CHANGES
    ]
    return _median(cold), _median(warm)


def _median(runs: list[Training]) -> Training:
    return sorted(runs, key=lambda training: training.run.seconds)[len(runs) // 2]


def app_row(kind: str, watched: running_app.Watched) -> Row:
    return Row(
        f"ours, {kind}",
        watched.completed,
        watched.accuracy,
        "in a running app, from the click to Completed, a median",
    )


def shell_row(kind: str, training: Training) -> Row:
    note = "the bare script, imports included, a median"
    return Row(
        f"ours, {kind}, from a shell", training.run.seconds, training.accuracy, note, compared=False
    )
