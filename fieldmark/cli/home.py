"""Commands about the home: jobs, stop, clean, doctor."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
import typer

import fieldmark as fm
from core import backends, settings
from core.backends.local import leftovers
from core.bin import deleted
from core.io import files
from fieldmark.api import work
from fieldmark.cli import doctor as checks
from fieldmark.cli import output
from fieldmark.cli.output import AsJson

PANEL = output.PANELS["home"]


def add(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (jobs, stop, clean, doctor):
        app.command(rich_help_panel=PANEL)(command)


def jobs(
    kind: Annotated[str, typer.Option(help="training, tuning, transform, import, ...")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the jobs, newest first."""
    output.rows(fm.jobs(kind).head(limit), as_json, "No jobs.")


def stop(
    wanted: Annotated[list[str], typer.Argument(metavar="JOB...", help="Names or ids.")],
    as_json: AsJson = False,
) -> None:
    """Stop jobs, and end endpoints."""
    stopped = []
    for name in wanted:
        job = work.find(name)
        if job.kind == "endpoint":
            fm.endpoint(job.id).delete()
        else:
            backends.of(job).stop(job)
        stopped.append(job.id)
    output.facts({"stopped": ", ".join(stopped)}, as_json)


def clean(
    empty_bin: Annotated[
        bool, typer.Option("--bin", help="Also delete for good what was deleted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what killed processes left, and with --bin what is in the bin."""
    leftovers.sweep()
    found = deleted.listing()
    size = files.human_bytes(sum(item.bytes for item in found))
    if empty_bin:
        for item in found:
            deleted.remove(item.group)
    kept = {True: "removed for good", False: "kept in the bin; --bin removes them"}[empty_bin]
    output.facts(
        {"home": settings.home(), "deleted": len(found), "size": size, "bin": kept}, as_json
    )


def doctor(as_json: AsJson = False) -> None:
    """Check this machine: Python, packages, disk, network names. Ends with 1 if one check fails."""
    found = checks.run()
    output.rows(pd.DataFrame(found), as_json)
    if any(check.state == checks.FAILED for check in found):
        raise typer.Exit(output.FAILED)
