"""The emulator as tests use it: its process, its own few requests, and clients of the services in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config

from core import settings
from tests.patience import PATIENCE

# For a setting that waits: until the block ends that sets it.
HELD = 86_400.0
# Together longer than what is new stays unseen, Settings.stale_seconds.
STALE_PAUSE, STALE_ATTEMPTS = 0.1, 6
REGION, ROLE = "us-east-1", "arn:aws:iam::123456789012:role/FieldmarkDemoRole"


class Emulator:
    """An emulator that runs at `url`."""

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        self.url, self.process = url, process

    def client(self, service: str, **config: Any) -> Any:
        """Return a boto3 client of a service in it, whatever the environment says. `config` as for
        botocore's Config.

        What is not found is asked for again, as AWS recommends for what has just been created.
        """
        session = boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
        )
        client = session.client(service, endpoint_url=self.url, config=Config(**config))
        if service == "sagemaker":
            client.meta.events.register("needs-retry.sagemaker", _found_later)
        return client

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Return one of its own requests, see emulator/control.py."""
        request = urllib.request.Request(
            f"{self.url}/emulator/{path}", json.dumps(body).encode(), method=method
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def fault(self, kind: str, operation: str = "*", **more: Any) -> None:
        """The next request of this operation gets this fault, see emulator/faults.py for the kinds; `times`, `service`, `seconds`."""
        self.ask("POST", "faults", kind=kind, operation=operation, **more)

    def done(self, operation: str) -> int:
        """Return how often this operation has succeeded since the emulator started."""
        return int(self.ask("GET", "")["done"].get(operation, 0))

    def asked(self, operation: str) -> int:
        return int(self.ask("GET", "")["asked"].get(operation, 0))

    def processes(self, program: str) -> list[psutil.Process]:
        """Return the running processes below the emulator whose script has this name, without what
        they have forked."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if _runs(process, program) and not _runs(process.parent(), program):
                    found.append(process)
        return found

    @contextmanager
    def settings(self, **values: Any) -> Iterator[None]:
        """Other settings (emulator/world.py) inside the block."""
        before = self.ask("GET", "")["settings"]
        self.ask("POST", "settings", **values)
        try:
            yield
        finally:
            self.ask("POST", "settings", **before)


def _runs(process: psutil.Process | None, program: str) -> bool:
    return process is not None and any(
        Path(part).stem == program for part in process.cmdline()[1:2]
    )


def _found_later(response: Any, attempts: int, **_: Any) -> float | None:
    """For botocore: how many seconds to wait before the same request once more, None to leave it."""
    said = response[1].get("Error", {}).get("Message", "") if response else ""
    return STALE_PAUSE if said.startswith("Could not find") and attempts < STALE_ATTEMPTS else None


@contextmanager
def running(root: Path, containers: Path | None = None, **environment: str) -> Iterator[Emulator]:
    """An emulator in a process of its own, which ends with the block, or with this process, however that ends.

    `containers` is the environment of its containers, if not the usual one. `environment` holds variables that it gets in place of this process's own.
    """
    command = [sys.executable, "-m", "tests.sagemaker.emulator", "--root", str(root), "--attached"]
    if containers:
        command += ["--containers", str(containers)]
    root.mkdir(parents=True, exist_ok=True)
    # It belongs to no test's home: what a test leaves behind is found, and killed, by that.
    variables = {
        name: value for name, value in os.environ.items() if name != settings.ENV_HOME
    } | environment
    with (root / "emulator.log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=settings.PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=variables,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, f"the emulator did not start:\n{(root / 'emulator.log').read_text()}"
        yield Emulator(url, process)
    finally:
        process.stdin.close()
        process.wait(PATIENCE)


def environment(url: str) -> dict[str, str]:
    """Return what leads boto3 to the emulator."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "emulated",
        "AWS_SECRET_ACCESS_KEY": "emulated",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def wait_for(check: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Return what `check` returns as soon as that is true."""
    until = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < until, f"{what} has not happened within {seconds} s"
        time.sleep(0.05)
    return found
