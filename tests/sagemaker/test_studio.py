"""`make studio`: what it says and what it starts. Studio itself is not here; the proxy's faults are notes/streamlit.md 2.9's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from core import hosts, settings
from tests.patience import PATIENCE
from ui.shell import studio


def test_the_address_has_the_servers_prefix_and_ends_with_a_slash(tmp_path: Path) -> None:
    (tmp_path / "jpserver-1.json").write_text(json.dumps({"base_url": "/old/"}))
    os.utime(tmp_path / "jpserver-1.json", (1, 1))
    (tmp_path / "jpserver-2.json").write_text(json.dumps({"base_url": "/jupyterlab/space/"}))
    (tmp_path / "jpserver-3.json").write_text("half a fi")
    assert studio.base_url(tmp_path) == "/jupyterlab/space/"
    said = studio.announcement(
        "/jupyterlab/space/", 8600, "https://abc.studio.eu-west-1.sagemaker.aws"
    )
    assert "https://abc.studio.eu-west-1.sagemaker.aws/jupyterlab/space/proxy/8600/ " in said
    assert "/jupyterlab/default/proxy/8501/" in studio.announcement(
        studio.base_url(tmp_path / "none"), 8501, ""
    )


def test_it_starts_the_app_that_takes_long_cookies_and_needs_no_cookie_of_its_own(
    home: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "ui.shell.studio", "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=settings.PROJECT, env=variables, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(port, process, tmp_path / "log")
        assert f"/jupyterlab/default/proxy/{port}/" in (tmp_path / "log").read_text()
        assert _handshake(port, cookie_bytes=20_000).startswith("HTTP/1.1 101")
        studios = "abc.studio.eu-west-1.sagemaker.aws"
        assert _handshake(port, 9_000, studios, f"https://{studios}").startswith("HTTP/1.1 101")
        assert _handshake(port, 9_000, studios, "https://evil.example").startswith("HTTP/1.1 403")
        assert _handshake(port, 9_000, "evil.example", "https://evil.example").startswith(
            "HTTP/1.1 403"
        )
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=10)
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the app did not start:\n{log.read_text()}")


def test_an_address_that_is_named_is_the_only_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(hosts.ENV_HOSTS, "birds.example.org")
    made = studio.environment("https://abc.studio.eu-west-1.sagemaker.aws")
    assert made[hosts.ENV_HOSTS] == "birds.example.org,abc.studio.eu-west-1.sagemaker.aws"


def _handshake(port: int, cookie_bytes: int, host: str = "", origin: str = "") -> str:
    """Return the first line of the answer to the page's websocket, asked for with cookies as long
    as SageMaker's."""
    own = f"127.0.0.1:{port}"
    request = (
        f"GET /_stcore/stream HTTP/1.1\r\nHost: {host or own}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: {origin or f'http://{own}'}\r\n"
        f"Cookie: session={'x' * cookie_bytes}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(request.encode())
        return connection.recv(200).decode("utf-8", "replace")
