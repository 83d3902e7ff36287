"""The command line: `fieldmark ...`. The commands are in modules by what they are about."""

from __future__ import annotations

import typer

from fieldmark.cli import data, home, learn, output, shell, use

app = typer.Typer(
    name="fieldmark",
    cls=output.Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Browse photos, find what is wrong with them, train, tune, deploy and predict.",
)
for module in (shell, data, learn, use, home):
    module.add(app)


def main() -> None:
    """Run the command line; its exit codes are in output.py."""
    app()
