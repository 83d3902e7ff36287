"""Who may see a page: fault 51, on a real server, for the very first visitor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.browser.conftest import App

pytestmark = pytest.mark.browser

SECRETS = """
[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "not a secret"
client_id = "nobody"
client_secret = "not a secret either"
server_metadata_url = "https://localhost/.well-known/openid-configuration"
"""


@pytest.mark.parametrize("path", ["train", "deploy?endpoint=x", ""])
def test_fault_51_the_first_visitor_of_a_deep_link_has_to_sign_in(
    home: Path, tmp_path: Path, page: Any, path: str
) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(SECRETS)
    app = App(home, tmp_path / "app.log", options=(f"--secrets.files={secrets}",))
    app.start()
    try:
        page.goto(f"{app.url}/{path}")
        page.get_by_role("button", name="Sign in").wait_for()
        assert (
            page.locator(
                '[data-testid="stMetric"], [data-testid="stTextInput"], [data-testid="stSelectbox"]'
            ).count()
            == 0
        )
    finally:
        app.stop()


def test_without_a_login_the_app_listens_on_this_machine_only(app: App) -> None:
    assert app.process
    connections = psutil.Process(app.process.pid).net_connections(kind="tcp")
    listening = {
        connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
