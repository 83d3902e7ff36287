"""Runs the emulator until it is ended, or, with --attached, until its standard input closes.

    python -m tests.sagemaker.emulator --root /tmp/emulator --port 4599

Its first line of output is its URL. Point AWS_ENDPOINT_URL at it, with any AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from tests.sagemaker import containers


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--root", type=Path, required=True, help="a folder for the files of its containers"
    )
    parser.add_argument(
        "--port", type=int, default=0, help="on 127.0.0.1; a free one where it is left out"
    )
    parser.add_argument(
        "--containers", type=Path, help="the environment of its containers, if not the usual one"
    )
    parser.add_argument("--attached", action="store_true", help="end when standard input closes")
    options = parser.parse_args()
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    folder = options.containers or containers.environment()

    from tests.sagemaker.emulator.server import Emulator

    emulator = Emulator(options.root, folder, options.port).start()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    print(emulator.url, flush=True)
    if options.attached:
        threading.Thread(target=_end_with_input, args=(ended,), daemon=True).start()
    ended.wait()
    emulator.stop()


def _end_with_input(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    main()
