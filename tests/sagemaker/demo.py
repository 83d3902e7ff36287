"""The app on an emulated SageMaker: everything its AWS side does can be tried without an account. `make aws-demo` runs this.

    python -m tests.sagemaker.demo [--port 8501] [--headless] [--start-seconds 5] [--folder build/aws-demo]

Its home is in that folder and begins empty each time, as the emulated account does.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from core import settings
from core.aws import account
from tests.sagemaker import asking, containers

FOLDER = settings.PROJECT / "build" / "aws-demo"
BUCKET = "fieldmark-demo"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--headless", action="store_true", help="open no browser")
    parser.add_argument(
        "--start-seconds", type=float, default=3.0, help="how long instances take to start"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=FOLDER,
        help="where its home and the emulator's files are; emptied first",
    )
    options = parser.parse_args()
    try:
        containers.environment()
    except containers.Missing as missing:
        print(missing, file=sys.stderr)
        return 1
    shutil.rmtree(options.folder, ignore_errors=True)
    # An ordinary end, so that the emulator's containers are ended and their files removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with asking.running(options.folder / "emulator") as emulator:
        emulator.ask("POST", "settings", start_seconds=options.start_seconds)
        return run(emulator, options.folder / "home", options.port, headless=options.headless)


def run(emulator: asking.Emulator, home: Path, port: int, *, headless: bool) -> int:
    """Return the app, set up for the emulator, until it ends; its exit code."""
    os.environ.update({**asking.environment(emulator.url), settings.ENV_HOME: str(home)})
    emulator.client("s3").create_bucket(Bucket=BUCKET)
    account.save(account.Account(region=asking.REGION, role_arn=asking.ROLE, bucket=BUCKET))
    print(
        f"An emulated SageMaker runs at {emulator.url}. No AWS account is involved, and nothing costs anything.",
        flush=True,
    )
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.showEmailPrompt=false",
        f"--server.port={port}",
    ]
    app = subprocess.Popen(
        [*command, "--server.headless=true"] if headless else command, cwd=settings.PROJECT
    )
    try:
        return app.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        app.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            app.wait(10)


if __name__ == "__main__":
    sys.exit(main())
