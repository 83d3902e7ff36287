"""`make aws-demo`: the app comes up beside its emulator, and both are gone when it is ended."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil

from core import settings
from tests.sagemaker import asking


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/_stcore/health", timeout=30
        ) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # one of the start's short helpers, ended since
        return []


def test_the_demo_starts_and_leaves_nothing(emulator: asking.Emulator, tmp_path: Path) -> None:
    """`emulator` only stands for its environment, without which there is no demo."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "tests.sagemaker.demo",
        "--headless",
        "--port",
        str(port),
        "--folder",
        str(tmp_path / "demo"),
    ]
    demo = subprocess.Popen(command, cwd=settings.PROJECT, stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    try:
        assert "No AWS account is involved" in demo.stdout.readline()
        asking.wait_for(lambda: is_up(port), "the app's start")
        members = psutil.Process(demo.pid).children(recursive=True)
        assert {"streamlit", "tests.sagemaker.emulator"} <= {
            part for member in members for part in command_of(member)
        }
    finally:
        demo.terminate()
        demo.wait(30)
    asking.wait_for(
        lambda: not any(member.is_running() for member in members), "the end of everything"
    )
    assert (tmp_path / "demo" / "home" / "aws.json").is_file()
