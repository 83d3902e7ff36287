"""Commands that train: train, tune."""

from __future__ import annotations

from typing import Annotated

import typer

import fieldmark as fm
from core import backends
from core.jobs import store as jobs
from core.jobs.specs import Resources
from core.models import scores
from fieldmark.api import training, work
from fieldmark.cli import output
from fieldmark.cli.data import DatasetName, VersionId
from fieldmark.cli.output import AsJson

PANEL = output.PANELS["learn"]
Preset = Annotated[str, typer.Option(help="fast, balanced or best.")]
Name = Annotated[str, typer.Option(help="Name of the job.")]
Values = Annotated[
    list[str] | None,
    typer.Option("--set", help="NAME=VALUE, a hyperparameter of sm_scripts/train.py."),
]
On = Annotated[str, typer.Option("--on", help=f"Where: {', '.join(backends.BACKENDS)}.")]
Instance = Annotated[str, typer.Option(help="On sagemaker: instance type, as ml.m5.xlarge.")]
Instances = Annotated[int, typer.Option(help="On sagemaker: number of instances.")]
Spot = Annotated[bool, typer.Option("--spot", help="On sagemaker: spot instances.")]
Detach = Annotated[bool, typer.Option("--detach", help="Start it, and do not wait.")]


def add(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (train, tune):
        app.command(rich_help_panel=PANEL)(command)


def train(
    dataset: DatasetName,
    preset: Preset = "fast",
    name: Name = "",
    values: Values = None,
    version: VersionId = "",
    on: On = "local",
    instance: Instance = "",
    instances: Instances = 1,
    spot: Spot = False,
    detach: Detach = False,
    as_json: AsJson = False,
) -> None:
    """Train a model on a dataset."""
    chosen = training.hyperparameters_of(preset, output.pairs(values or [], "--set"))
    resources = _resources(on, instance, instances, spot)
    spec = training.training_spec(fm.dataset(dataset, version), chosen, name, resources)
    job = backends.named(on).train(spec)
    if detach:
        output.facts({"job": job.id}, as_json)
        return
    with output.progress() as tell:
        job = work.wait(job, tell)
    output.facts(_trained(job), as_json)


def _trained(job: jobs.Job) -> dict[str, object]:
    reached = scores.of_job(job)
    found = {"model": job.id, "name": job.name, "seconds": round(job.status.seconds or 0, 1)}
    for split, score in (("validation", reached.validation), ("test", reached.test)):
        if score:
            found[split] = f"{score.correct}/{score.n} = {score.share:.3f}"
    return found


def tune(
    dataset: DatasetName,
    trials: Annotated[int, typer.Option(min=1, help="Number of trials.")] = 30,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", help="NAME=LOW:HIGH or NAME=A,B,C; else that of the head."),
    ] = None,
    objective: Annotated[str, typer.Option(help="What trials are compared by.")] = (
        "validation_accuracy"
    ),
    strategy: Annotated[str, typer.Option(help="tpe, gp, random, grid, ...")] = "tpe",
    preset: Preset = "fast",
    name: Name = "",
    values: Values = None,
    version: VersionId = "",
    on: On = "local",
    instance: Instance = "",
    instances: Instances = 1,
    spot: Spot = False,
    as_json: AsJson = False,
) -> None:
    """Search for better hyperparameters, and print the leaderboard."""
    searched = {key: _range(value) for key, value in output.pairs(ranges or [], "--range").items()}
    resources = _resources(on, instance, instances, spot)
    with output.progress() as tell:
        found = fm.tune(
            fm.dataset(dataset, version),
            searched,
            trials=trials,
            name=name,
            preset=preset,
            objective=objective,
            strategy=strategy,
            where=on,
            resources=resources,
            tell=tell,
            **output.pairs(values or [], "--set"),
        )
    output.rows(found.leaderboard, as_json)


def _range(text: str) -> tuple[float, float] | list[str]:
    low, colon, high = text.partition(":")
    if not colon:
        return text.split(",")
    try:
        return float(low), float(high)
    except ValueError:
        raise fm.UserError(f"{text!r} is not a range. Write LOW:HIGH or A,B,C.") from None


def _resources(on: str, instance: str, instances: int, spot: bool) -> Resources | None:
    if not backends.named(on).asks_resources:
        if instance or instances != 1 or spot:
            raise fm.UserError(f"{on} has no instances to choose from. Leave that out.")
        return None
    if not instance:
        raise fm.UserError(f"{on} needs --instance, such as ml.m5.xlarge.", field="instance")
    return Resources(instance, instances, spot)
