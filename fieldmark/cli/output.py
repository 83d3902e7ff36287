"""What commands print: tables for people, JSON for programs, progress and errors on stderr.

Exit codes: 0 done, 1 the job failed, 2 something given cannot be used, 3 a platform refused,
130 interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.core import TyperGroup

from core.errors import BackendError, FieldmarkError
from fieldmark.api.work import JobFailed, Standing, Tell

FAILED, UNUSABLE, REFUSED, INTERRUPTED = 1, 2, 3, 130
PANELS = {
    "shell": "The app",
    "data": "Datasets",
    "learn": "Training",
    "use": "Models",
    "home": "Jobs and disk",
}
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class Group(TyperGroup):
    """Says an error in one line, and ends with the code that its kind has."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except FieldmarkError as error:
            Console(stderr=True, soft_wrap=True).print(f"Error: {error}", style="red", markup=False)
            raise typer.Exit(_code(error)) from error
        except KeyboardInterrupt:
            note("Interrupted. A job that was started goes on: see `fieldmark jobs`.")
            raise typer.Exit(INTERRUPTED) from None


def _code(error: FieldmarkError) -> int:
    if isinstance(error, JobFailed):
        return FAILED
    if isinstance(error, BackendError):
        return REFUSED
    return UNUSABLE


def note(words: str) -> None:
    """Say something beside the result, on stderr."""
    Console(stderr=True, soft_wrap=True).print(words, markup=False, highlight=False)


def facts(values: Mapping[str, Any], as_json: bool) -> None:
    """Print named values."""
    if as_json:
        _dump(dict(values))
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in values.items():
        grid.add_row(name.replace("_", " "), str(value))
    Console(soft_wrap=True).print(grid, markup=False)


def rows(frame: pd.DataFrame, as_json: bool, empty: str = "Nothing.") -> None:
    """Print a table; `empty` says that it has no rows."""
    if as_json:
        print(frame.to_json(orient="records", date_format="iso", force_ascii=False))
        return
    if frame.empty:
        note(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in frame.columns:
        is_number = pd.api.types.is_numeric_dtype(frame[column])
        table.add_column(
            str(column).replace("_", " "),
            justify="right" if is_number else "left",
            overflow="fold",
        )
    for values in frame.itertuples(index=False, name=None):
        table.add_row(*map(_cell, values))
    # Never cut: a pipe and a narrow terminal get the whole text.
    Console(soft_wrap=True, width=None if Console().is_terminal else 200).print(table, markup=False)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d %H:%M")
    return str(value)


def _dump(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, default=str))


@contextmanager
def progress() -> Iterator[Tell]:
    """Show on a terminal where a job stands, while the block runs."""
    console = Console(stderr=True)
    shown = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with shown:
        task = shown.add_task("Starting", total=None)

        def tell(now: Standing) -> None:
            shown.update(task, description=now.words, total=1.0, completed=now.share or 0.0)
            if now.share is None:
                shown.update(task, total=None)

        yield tell


def pairs(given: list[str], what: str) -> dict[str, str]:
    """Return `name=value` options as a dict. Raises a usage error for another form."""
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"{one!r} is not of the form NAME=VALUE.", param_hint=what)
        found[name.strip()] = value.strip()
    return found
