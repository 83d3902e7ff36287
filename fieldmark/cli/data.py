"""Commands about datasets: import, datasets, inspect, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

import fieldmark as fm
from core.datasets.planning import plan_text
from fieldmark.api.work import Tell
from fieldmark.cli import output
from fieldmark.cli.output import AsJson

PANEL = output.PANELS["data"]
SAMPLE = "sample"
ISSUE_COLUMNS = ["kind", "path", "label", "suggestion", "other", "score"]
DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="Its name or id.")]
VersionId = Annotated[str, typer.Option(help="A version, such as v2; else the newest.")]


def add(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("import", rich_help_panel=PANEL)(import_photos)
    for command in (datasets, inspect, export):
        app.command(rich_help_panel=PANEL)(command)


def import_photos(
    source: Annotated[
        str, typer.Argument(help="A folder, an archive, s3://bucket/folder/, or `sample`.")
    ],
    name: Annotated[str, typer.Option(help="Name of the dataset; else the source's.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what a folder's import would do, only.")
    ] = False,
    answer: Annotated[
        list[str] | None, typer.Option(help="QUESTION=ANSWER, as the dry run names them.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import photos into a new dataset. The photos of a folder stay where they are."""
    answers = output.pairs(answer or [], "--answer")
    if dry_run:
        _plan(source, answers, as_json)
        return
    with output.progress() as tell:
        made = _import(source, name, answers, tell)
    values = {"dataset": made.id, "name": made.name, "version": made.version}
    output.facts({**values, "photos": len(made), "classes": len(made.classes)}, as_json)


def _import(source: str, name: str, answers: dict[str, str], tell: Tell) -> fm.Dataset:
    if answers and not Path(source).is_dir():
        raise fm.UserError("Only the import of a folder takes answers.")
    if source == SAMPLE and not Path(source).exists():
        return fm.sample(tell)
    if source.startswith("s3://"):
        return fm.import_s3(source, name, tell)
    if Path(source).is_file():
        return fm.import_archive(source, name, tell)
    return fm.import_folder(source, name, answers, tell)


def _plan(source: str, answers: dict[str, str], as_json: bool) -> None:
    made = fm.plan(source, answers)
    if as_json:
        output.facts(made.as_dict(), as_json)
        return
    print(plan_text.format_plan(made))
    for question in made.questions:
        values = ", ".join(value for value, _ in question.options)
        print(f"  --answer {question.id}={question.answer}   (or: {values})")


def datasets(as_json: AsJson = False) -> None:
    """List the datasets."""
    frame = pd.DataFrame(
        [(one.id, one.name, one.version, len(one), len(one.classes)) for one in fm.datasets()],
        columns=["id", "name", "version", "photos", "classes"],
    )
    output.rows(frame, as_json, "No datasets yet. `fieldmark import sample` makes one.")


def inspect(dataset: DatasetName, version: VersionId = "", as_json: AsJson = False) -> None:
    """Look for likely wrong labels, copies, outliers and bad photos."""
    with output.progress() as tell:
        found = fm.dataset(dataset, version).inspect(tell)
    output.rows(found[ISSUE_COLUMNS], as_json, "Nothing was found.")


def export(
    name: Annotated[str, typer.Argument(help="A dataset's name or id; a model's with --model.")],
    target: Annotated[Path, typer.Argument(help="The new folder, or the file of a model.")],
    model: Annotated[bool, typer.Option("--model", help="Export a model.")] = False,
    version: VersionId = "",
    as_json: AsJson = False,
) -> None:
    """Copy a dataset's photos into folders, or a model into a model.tar.gz."""
    if model:
        written = fm.model(name).export(target)
    else:
        with output.progress() as tell:
            written = fm.dataset(name, version).export(target, tell)
    output.facts({"written": written}, as_json)
