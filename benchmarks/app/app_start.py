"""From `streamlit run app.py` to the first page in a browser, next to a Streamlit page of one line.

Chromium is already running, and the home has one dataset and one model. The app's process must not
import torch.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks import harness, running_app
from benchmarks.harness import BenchmarkError, Outcome, Row
from benchmarks.photos import photos
from core import settings

REPEATS = 3
LIMIT_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
BARE = 'import streamlit as st\n\nst.title("One line")\n'
DRAWN = '[data-testid="stHeading"]'


def run() -> Outcome:
    running_app.train(photos(), "a model for the first page", preset="fast")
    bare = harness.workspace() / "bare.py"
    bare.write_text(BARE)
    with browser() as chromium:
        # Alternating, so that load on the machine slows both.
        seconds = [
            (start(settings.PROJECT / "app.py", chromium), start(bare, chromium))
            for _ in range(REPEATS)
        ]
    ours, peer = (statistics.median(column) for column in zip(*seconds, strict=True))
    return Outcome(
        "app_start",
        "s",
        Row(
            "ours: the overview",
            ours,
            note=f"limit {LIMIT_SECONDS:g} s; median of {REPEATS}; no torch in the app's process",
        ),
        Row("a bare Streamlit page", peer, note="Streamlit's own start"),
        None,
        0,
        extra={"limit": LIMIT_SECONDS, "reached": ours < LIMIT_SECONDS},
    )


@contextmanager
def browser() -> Iterator[Any]:
    """Start Chromium. Raises BenchmarkError if there is none."""
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if not found:
        raise BenchmarkError("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield chromium
        chromium.close()


def start(script: Path, chromium: Any) -> float:
    """Return seconds from the start of Streamlit to the heading of its first page."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    print(f"  {script.name} ...", end="", file=sys.stderr, flush=True)
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(script),
        "--server.headless=true",
        f"--server.port={port}",
    ]
    page = chromium.new_page()
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=settings.PROJECT,
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        running_app.wait_for(lambda: _answers(f"http://127.0.0.1:{port}/_stcore/health"), started)
        page.goto(f"http://127.0.0.1:{port}")
        page.wait_for_selector(DRAWN, timeout=PATIENCE_SECONDS * 1000)
        seconds = time.perf_counter() - started
        if any("libtorch" in mapped.path for mapped in psutil.Process(process.pid).memory_maps()):
            raise BenchmarkError(f"{script.name} imported torch")
    finally:
        page.close()
        process.terminate()
        process.wait(PATIENCE_SECONDS)
    print(f" {seconds:.2f} s", file=sys.stderr, flush=True)
    return seconds


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=1):
            return True
    except OSError:
        return False
