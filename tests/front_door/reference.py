"""Write the reference of the command line and of the Python interface from the code.

    python -m tests.front_door.reference

writes docs/cli.md and docs/python.md; a test compares them with the code.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

import fieldmark as fm
from core import settings
from fieldmark import cli

CLI, PYTHON = "cli.md", "python.md"
ABOUT_CLI = """# Command line

`fieldmark COMMAND --help` prints the same in a terminal, and `fieldmark --install-completion` teaches your shell to complete
names. Results go to the standard output, progress and errors to the standard error.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | the job failed or was stopped, a photo cannot be used, or a check of `doctor` failed |
| 2 | something given cannot be used; the message says what |
| 3 | a platform refused |
| 130 | interrupted; a job that was started goes on |

The app imports only from folders that it may read (`FIELDMARK_IMPORT_ROOTS`). The command line imports whatever you may read.
"""
ABOUT_PYTHON = """# Python

`import fieldmark as fm` works on the home that the app shows (`FIELDMARK_HOME`), with the same ids. A function that starts a job
waits for it and raises `JobFailed` if it fails; `tell` is called with a `Standing` (`words`, `share`) while it runs.
"""


def command_line() -> str:
    """Return the reference of the commands as Markdown."""
    group: Any = typer.main.get_command(cli.app)
    parts = [ABOUT_CLI]
    for name, command in group.commands.items():
        parts.append(f"## {name}\n\n{inspect.cleandoc(command.help)}\n")
        parts += ["| argument or option | meaning |\n|---|---|"]
        parts += [f"| {_usage(one)} | {one.help or ''} |" for one in command.params]
        parts.append("")
    return "\n".join(parts)


def _usage(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{(parameter.metavar or parameter.name).upper()}`"
    names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag or parameter.default in (None, "", []):
        return names
    return f"{names} (`{parameter.default}`)"


def python() -> str:
    """Return the reference of the package as Markdown."""
    parts = [ABOUT_PYTHON]
    for name in fm.__all__:
        found = getattr(fm, name)
        parts.append(f"## {name}\n")
        if inspect.isfunction(found):
            parts.append(f"```python\nfm.{name}{_signature(found)}\n```\n")
        parts.append(f"{inspect.getdoc(found)}\n")
        if inspect.isclass(found):
            parts += _members(found)
    return "\n".join(parts)


def _members(of: type) -> Iterator[str]:
    for name, value in vars(of).items():
        if name.startswith("_") or not inspect.getdoc(value):
            continue
        if isinstance(value, property):
            yield f"- `.{name}`: {_one_line(value)}"
        elif inspect.isfunction(value):
            yield f"- `.{name}{_signature(value)}`: {_one_line(value)}"
    yield ""


class _Plain(str):
    """An annotation that is written without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _signature(function: Any) -> str:
    signature = inspect.signature(function)
    parameters = [
        one.replace(annotation=_Plain(one.annotation))
        for name, one in signature.parameters.items()
        if name != "self"
    ]
    plain = signature.replace(
        parameters=parameters, return_annotation=_Plain(signature.return_annotation)
    )
    return re.sub(r" = <function \w+ at \w+>", " = ...", str(plain))


def _one_line(value: Any) -> str:
    return " ".join(str(inspect.getdoc(value)).split())


def write(folder: Path) -> None:
    """Write both files into `folder`."""
    (folder / CLI).write_text(command_line(), encoding="utf-8")
    (folder / PYTHON).write_text(python(), encoding="utf-8")


if __name__ == "__main__":
    write(settings.PROJECT / "docs")
