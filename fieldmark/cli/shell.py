"""Commands that open the app: run, studio, demo."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import fieldmark as fm
from core import settings
from fieldmark.cli import output

PANEL = output.PANELS["shell"]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port of the app.")]
Headless = Annotated[bool, typer.Option("--headless", help="Open no browser.")]


def add(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (run, studio, demo):
        app.command(rich_help_panel=PANEL)(command)


def run(port: Port = 8501, headless: Headless = False) -> None:
    """Open the app in the browser. Ctrl-C ends it; running jobs go on."""
    _become(
        "streamlit",
        "run",
        "app.py",
        "--server.showEmailPrompt=false",
        f"--server.port={port}",
        f"--server.headless={str(headless).lower()}",
    )


def studio(
    port: Port = 8501,
    origin: Annotated[
        str, typer.Option(help="Address of the JupyterLab tab, up to .sagemaker.aws.")
    ] = "",
) -> None:
    """Open the app inside SageMaker Studio, behind its proxy, and say at which address."""
    _become("ui.shell.studio", f"--port={port}", f"--origin={origin}")


def demo(port: Port = 8501, headless: Headless = False) -> None:
    """Open the app with the built-in sample imported and a model trained on it."""
    with output.progress() as tell:
        dataset = fm.sample(tell)
        if not fm.models():
            fm.train(dataset, tell=tell)
    run(port, headless)


def _become(*command: str) -> None:
    """Replace this process with a program of the app, in the app's folder, where Streamlit finds
    its settings. A relative home is still that of the folder the command was typed in."""
    if given := os.environ.get(settings.ENV_HOME):
        os.environ[settings.ENV_HOME] = str(Path(given).expanduser().absolute())
    os.chdir(settings.PROJECT)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", *command])
