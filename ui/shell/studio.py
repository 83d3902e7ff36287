"""Starts the app inside SageMaker Studio, behind its Jupyter proxy, and says at which address it
is.

    python -m ui.shell.studio [--port 8501] [--origin https://<id>.studio.<region>.sagemaker.aws]

The proxy changes four things: it takes its prefix off every path, so the app needs none and the
address has to end with a slash; its cookies are longer than the websocket library takes by default,
which would leave a blank page; and it may drop Streamlit's own cookie, without which uploads are
refused; and it asks under Studio's host name. Who may open the address is what Studio's own login
decides.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from core import hosts, settings

USUAL_BASE = "/jupyterlab/default/"
# Where the address is not named: the names of every Studio, which only AWS gives out.
ANY_STUDIO = "*.sagemaker.aws"
MAX_LINE = "65536"
RUNTIME = ("JUPYTER_RUNTIME_DIR", ".local/share/jupyter/runtime")


def main(arguments: list[str]) -> None:
    """Becomes the app's process."""
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
    """The app behind the proxy: on this machine only, no browser, and no cookie that the proxy
    would have to pass on."""
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
    """What the proxy asks for, and its own host name, which the app would not answer to
    otherwise."""
    name = urlsplit(origin).hostname or ANY_STUDIO
    names = ",".join(filter(None, (os.environ.get(hosts.ENV_HOSTS), name)))
    return {**os.environ, "WEBSOCKETS_MAX_LINE_LENGTH": MAX_LINE, hosts.ENV_HOSTS: names}


def announcement(base: str, port: int, origin: str) -> str:
    """Where the app will be. Studio's host name can't be found out from inside, so without
    `origin` it is described."""
    path = f"{base}proxy/{port}/"
    if origin:
        return f"Fieldmark will be at {origin}{path} (with the slash at the end)."
    return (
        f"Fieldmark will be at https://<as in this tab>{path} (with the slash at the end):\ntake "
        f"the address of this JupyterLab tab and put {path} in place of everything after "
        ".sagemaker.aws"
    )


def runtime_folder() -> Path:
    variable, usual = RUNTIME
    return Path(os.environ.get(variable) or Path.home() / usual)


def base_url(runtime: Path) -> str:
    """The prefix of the Jupyter server that runs here, from its own newest note; Studio's usual
    one where there is none."""
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
