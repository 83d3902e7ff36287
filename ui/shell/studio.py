"""Start the app inside SageMaker Studio, behind its Jupyter proxy, and print its address.

    python -m ui.shell.studio [--port 8501] [--origin https://<id>.studio.<region>.sagemaker.aws]

The proxy changes four things. It removes its prefix from every path, so the app needs none and the
address has to end with a slash. Its cookies are longer than the websocket library accepts by
default, which would leave a blank page. It may drop Streamlit's own cookie, without which uploads
are refused. It sends Studio's host name. Studio's login decides who may open the address."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from core import hosts, settings

USUAL_BASE = "/jupyterlab/default/"
# The host names of every Studio, used if no address is given. Only AWS assigns them.
ANY_STUDIO = "*.sagemaker.aws"
MAX_LINE = "65536"
RUNTIME = ("JUPYTER_RUNTIME_DIR", ".local/share/jupyter/runtime")


def main(arguments: list[str]) -> None:
    """Replace this process with the app."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument(
        "--origin", default="", help="the beginning of the JupyterLab tab's address, up to .aws"
    )
    options = parser.parse_args(arguments)
    print(
        announcement(base_url(runtime_folder()), options.port, options.origin.rstrip("/")),
        flush=True,
    )
    os.chdir(settings.PROJECT)
    os.execve(
        sys.executable,
        command(options.port, options.origin.rstrip("/")),
        environment(options.origin),
    )


def command(port: int, origin: str) -> list[str]:
    """Return the command that starts the app for the proxy: on this machine only, without a
    browser, and without Streamlit's cookie."""
    flags = [
        "--server.headless=true",
        f"--server.port={port}",
        "--server.address=127.0.0.1",
        "--server.enableXsrfProtection=false",
    ]
    if origin:
        flags.append(f"--server.corsAllowedOrigins={origin}")
    return [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.showEmailPrompt=false",
        *flags,
    ]


def environment(origin: str = "") -> dict[str, str]:
    """Return the environment of the app: longer cookies, and Studio's host name allowed."""
    name = urlsplit(origin).hostname or ANY_STUDIO
    names = ",".join(filter(None, (os.environ.get(hosts.ENV_HOSTS), name)))
    return {**os.environ, "WEBSOCKETS_MAX_LINE_LENGTH": MAX_LINE, hosts.ENV_HOSTS: names}


def announcement(base: str, port: int, origin: str) -> str:
    """Return the text with the address of the app. Without `origin` it describes the address,
    because Studio's host name is not known inside."""
    path = f"{base}proxy/{port}/"
    if origin:
        return f"Fieldmark will be at {origin}{path} (with the slash at the end)."
    return (
        f"Fieldmark will be at https://<as in this tab>{path} (with the slash at the end):\ntake "
        f"the address of this JupyterLab tab and put {path} in place of everything after "
        ".sagemaker.aws"
    )


def runtime_folder() -> Path:
    """Return the folder in which a Jupyter server writes its runtime files."""
    variable, usual = RUNTIME
    return Path(os.environ.get(variable) or Path.home() / usual)


def base_url(runtime: Path) -> str:
    """Return the prefix of the running Jupyter server, from its newest runtime file; Studio's
    default if there is none."""
    for path in sorted(
        runtime.glob("jpserver-*.json"), key=lambda found: found.stat().st_mtime, reverse=True
    ):
        try:
            return str(json.loads(path.read_text())["base_url"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return USUAL_BASE


if __name__ == "__main__":
    main(sys.argv[1:])
