"""Commands that use models: models, evaluate, predict, batch, deploy, endpoints."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

import fieldmark as fm
from fieldmark.cli import output
from fieldmark.cli.output import AsJson

PANEL = output.PANELS["use"]
ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="Its name or id.")]
MODEL_HELP = "A model's name or id; else the newest."


def add(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (models, evaluate, predict, batch, deploy, endpoints):
        app.command(rich_help_panel=PANEL)(command)


def models(as_json: AsJson = False) -> None:
    """List the models."""
    frame = pd.DataFrame(
        [(one.id, one.name, len(one.classes)) for one in fm.models()],
        columns=["id", "name", "classes"],
    )
    output.rows(frame, as_json, "No models yet. `fieldmark train` makes one.")


def evaluate(
    model: ModelName,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print a model's scores: accuracy, classes, and as JSON the confusion matrix, too."""
    found = fm.model(model).evaluate(split)
    score = found.accuracy
    if as_json:
        values = {
            "split": found.split,
            "correct": score.correct,
            "n": score.n,
            "accuracy": score.value,
            "interval_95": score.interval_95,
            "macro_f1": found.macro_f1,
            "classes": found.classes.to_dict("records"),
            "confusion": found.confusion.to_dict("index"),
        }
        output.facts(values, as_json)
        return
    output.facts(
        {"split": found.split, "accuracy": score, "macro_F1": f"{found.macro_f1:.3f}"}, False
    )
    output.rows(found.classes, False)


def predict(
    photos: Annotated[list[Path], typer.Argument(help="Photos.")],
    model: Annotated[str, typer.Option(help=MODEL_HELP)] = "",
    as_json: AsJson = False,
) -> None:
    """Classify photos: by the model's endpoint if one runs here, else by a short batch.

    Ends with 1 if a photo cannot be used.
    """
    with output.progress() as tell:
        answers = _model(model).predict(photos, tell)
    output.rows(answers, as_json)
    if (answers["error"] != "").any():
        raise typer.Exit(output.FAILED)


def batch(
    source: Annotated[Path, typer.Argument(help="A folder or an archive of photos.")],
    target: Annotated[Path, typer.Option("--output", "-o", help="A new .csv or .parquet file.")],
    model: Annotated[str, typer.Option(help=MODEL_HELP)] = "",
    as_json: AsJson = False,
) -> None:
    """Classify every photo of a folder or an archive into one table."""
    with output.progress() as tell:
        made = _model(model).batch(source, target, tell=tell)
    output.facts(asdict(made), as_json)


def deploy(
    model: ModelName,
    name: Annotated[str, typer.Option(help="Name of the endpoint; else the model's.")] = "",
    hours: Annotated[float, typer.Option(min=0, help="It ends after so long; 0: never.")] = 0,
    port: Annotated[int, typer.Option(help="The port it would like; 0: any.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Start an endpoint on this machine; `fieldmark stop` ends it."""
    with output.progress() as tell:
        made = fm.model(model).deploy(name, hours=hours, port=port, tell=tell)
    output.facts(asdict(made), as_json)


def endpoints(as_json: AsJson = False) -> None:
    """List the endpoints, here and on Amazon SageMaker."""
    frame = pd.DataFrame(
        [asdict(one) for one in fm.endpoints()],
        columns=["id", "name", "model_id", "where", "state", "url"],
    )
    output.rows(frame, as_json, "No endpoints.")


def _model(wanted: str) -> fm.Model:
    if wanted:
        return fm.model(wanted)
    known = fm.models()
    if not known:
        raise fm.NotFound("There are no models yet. `fieldmark train` makes one.")
    return known[0]
