"""What the app lets in, asked of a running one: names, origins, logins and files of logins."""

from __future__ import annotations

import html
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route
from streamlit import config
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from core import hosts
from core.datasets import store
from core.io import images
from core.models import store as models
from core.models.store import Model
from tests.browser.conftest import App
from tests.conftest import kill_processes_of
from ui.shell import gate, login, routes

COOKIE = "_streamlit_user"
COOKIE_SECRET = "a secret of forty letters or so for cookies"
CLIENT_SECRET = "canary-that-no-page-may-show"
ORIGIN = "https://birds.example.org"
SECRETS = f"""
[auth]
redirect_uri = "{ORIGIN}/oauth2callback"
cookie_secret = "{COOKIE_SECRET}"
client_id = "nobody"
client_secret = "{CLIENT_SECRET}"
server_metadata_url = "https://localhost/.well-known/openid-configuration"
"""
STREAMLITS = (
    "/media/0123.jpg",
    "/_stcore/upload_file/a/b",
    "/_stcore/metrics",
    "/component/a/index.html",
    "/_stcore/bidi-components/a/b.js",
    "/_stcore/agent/schema",
    "/_stcore/script-health-check",
)
OPEN = ("/", "/train", "/train/", "/_stcore/health", "/_stcore/host-config", "/favicon.png")
MONTHS = 90 * 86_400


def started(home: Path, secrets: Path, **variables: str) -> Iterator[App]:
    app = App(home, secrets.parent / "app.log", options=(f"--secrets.files={secrets}",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMARK_PREPARE", "0")
        for name, value in variables.items():
            patch.setenv(name, value)
        app.start()
    yield app
    app.stop()
    kill_processes_of(home)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, trained_home: Path) -> Iterator[App]:
    """An app with a login, over a home with a dataset and a model."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "secrets.toml").write_text(SECRETS)
    yield from started(trained_home, folder / "secrets.toml")


def cookie(secret: str = COOKIE_SECRET, age: float = 0.0, **user: object) -> str:
    """The cookie that `st.login` leaves, made by Streamlit itself, `age` seconds ago."""
    value = json.dumps({"origin": ORIGIN, "is_logged_in": True, "email": "a@b.c", **user})
    with pytest.MonkeyPatch.context() as patch:
        then = time.time() - age
        patch.setattr(time, "time", lambda: then)
        return create_signed_value(secret, COOKIE, value).decode()


def addresses(model: Model) -> list[str]:
    """The address of something real behind each of the app's own routes."""
    version = store.version(model.dataset_id, model.version_id)
    image_id = str(store.manifest_of(version)["image_id"].iloc[0])
    ids = {"dataset_id": version.dataset_id, "version_id": version.id, "job_id": model.id}
    known = {**ids, "image_id": image_id, "split": "train"}
    assert all(isinstance(route, Route) for route in routes.ROUTES)
    paths = [route.path.format(**known) for route in routes.ROUTES]
    return [f"{path}?prefix=s3://bucket/birds" for path in paths]


def statuses(app: App, paths: list[str], value: str | None) -> dict[str, int]:
    headers = {} if value is None else {"Cookie": f"{COOKIE}={value}".encode("latin-1")}
    with httpx.Client(base_url=app.url, headers=headers, timeout=60) as client:
        return {path: client.get(path).status_code for path in paths}


@pytest.fixture
def model(trained_home: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setenv("FIELDMARK_HOME", str(trained_home))
    found = models.listing()[-1]
    version = store.version(found.dataset_id, found.version_id)
    row = store.manifest_of(version).iloc[0]
    images.thumbnail(row["image_id"], store.dataset(version.dataset_id).root / row["path"])
    return found


def test_no_route_answers_without_the_login(shared: App, model: Model) -> None:
    paths = [*addresses(model), *STREAMLITS]
    refused = dict.fromkeys(paths, 401)
    assert statuses(shared, paths, None) == refused
    for value in (
        "",
        "forged",
        cookie("another secret"),
        cookie(age=MONTHS),
        cookie(is_logged_in=False),
        cookie(origin="https://evil.example"),
        cookie()[:20] + "x" * 4 + cookie()[24:],
        cookie()[:-9],
        "\xe4" * 40,
    ):
        assert statuses(shared, paths, value) == refused, value


def test_every_route_answers_with_the_login(shared: App, model: Model) -> None:
    paths = addresses(model)
    found = statuses(shared, paths, cookie())
    expected = dict.fromkeys(paths, 200)
    expected |= {path: 404 for path in paths if "/results.parquet" in path}
    # Addresses of whole photos are signed, and this one is not.
    expected |= {path: 403 for path in paths if path.startswith("/photo-files")}
    assert found == expected
    assert 401 not in statuses(shared, list(STREAMLITS), cookie()).values()


def test_a_login_in_parts_is_put_together(shared: App, model: Model) -> None:
    value = json.dumps({"origin": ORIGIN, "is_logged_in": True, "note": "x" * 3000})
    names = {COOKIE: "chunks-2", f"{COOKIE}_1": value[:1500], f"{COOKIE}_2": value[1500:]}
    signed = {n: create_signed_value(COOKIE_SECRET, n, part).decode() for n, part in names.items()}
    text = "; ".join(f"{name}={part}" for name, part in signed.items())
    (path, *_) = addresses(model)
    assert httpx.get(f"{shared.url}{path}", headers={"Cookie": text}).status_code == 200
    text = text.replace(f"{COOKIE}_2=", "other=")
    assert httpx.get(f"{shared.url}{path}", headers={"Cookie": text}).status_code == 401


def test_the_sign_in_page_needs_no_login(shared: App) -> None:
    with httpx.Client(base_url=shared.url, follow_redirects=True) as client:
        assert {path: client.get(path).status_code for path in OPEN} == dict.fromkeys(OPEN, 200)
    own = f"127.0.0.1:{shared.port}"
    assert handshake(shared, own, f"http://{own}").startswith("HTTP/1.1 101")


def test_the_login_names_the_host(shared: App) -> None:
    for host, status in {"birds.example.org": 200, "evil.example": 403}.items():
        assert httpx.get(f"{shared.url}/", headers={"Host": host}).status_code == status
    assert handshake(shared, "birds.example.org", ORIGIN).startswith("HTTP/1.1 101")


BROKEN = {
    "half": (SECRETS + "\n[broken", "isn't valid TOML (at"),
    "open": (SECRETS.replace("[auth]", "auth = {", 1), "isn't valid TOML"),
    "mark": ("\ufeff" + SECRETS, "byte order mark"),
    "utf16": (SECRETS.encode("utf-16"), "isn't UTF-8 text"),
    "latin": ((SECRETS + "# \xe4").encode("latin-1"), "isn't UTF-8 text"),
    "deep": ("x = " + "[" * 5000, "isn't valid TOML"),
    "folder": (None, "can't be read"),
    "text": ("auth = 'yes'", "auth is not a table"),
    "empty": ("[auth]\n", "[auth] has no redirect_uri"),
    "blank": (SECRETS.replace(COOKIE_SECRET, " "), "[auth] has no cookie_secret"),
    "number": (SECRETS.replace(f'"{COOKIE_SECRET}"', "7"), "cookie_secret in [auth] has to"),
    "client": (SECRETS.replace("client_id", "client"), "[auth] has no client_id"),
    "named": (SECRETS.replace("client_id", "[auth.a_b]\nclient_id"), "underscore"),
    "relative": (SECRETS.replace("https://birds", "birds"), "redirect_uri in [auth] has to be"),
    "bracket": (SECRETS.replace("https://birds.", "https://[birds."), "redirect_uri in [auth]"),
}


def put(path: Path, content: str | bytes | None) -> Path:
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Streamlit's secrets as at the start of a process, and put back."""
    monkeypatch.setattr(login, "_at_start", [])
    before = config.get_option("secrets.files")
    yield
    config.set_option("secrets.files", before)
    secrets_singleton._reset()


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_wrong_with_a_login_is_said(alone: None, tmp_path: Path, kind: str) -> None:
    content, said = BROKEN[kind]
    config.set_option("secrets.files", [str(put(tmp_path / "secrets.toml", content))])
    found = login.current()
    assert found.is_required
    assert said in found.problem
    for secret in (CLIENT_SECRET, COOKIE_SECRET, str(tmp_path)):
        assert secret not in found.problem


@pytest.mark.parametrize(
    ("content", "providers"),
    [
        (SECRETS, ("default",)),
        (SECRETS.replace("client_id", "[auth.google]\nclient_id"), ("google",)),
        (SECRETS + '[auth.client_kwargs]\nscope = "openid"', ("default",)),
        ("[other]\nkey = 1", ()),
    ],
)
def test_what_is_right_is_taken(
    alone: None,
    tmp_path: Path,
    content: str,
    providers: tuple[str, ...],
) -> None:
    config.set_option("secrets.files", [str(put(tmp_path / "secrets.toml", content))])
    assert login.current() == login.Login(bool(providers), "", providers)


def test_a_link_to_nowhere_shuts_the_app(alone: None, tmp_path: Path) -> None:
    (tmp_path / "secrets.toml").symlink_to(tmp_path / "nowhere")
    config.set_option("secrets.files", [str(tmp_path / "secrets.toml")])
    assert login.current().problem
    config.set_option("secrets.files", [str(tmp_path / "none.toml")])
    assert login.current() == login.Login()


@pytest.mark.parametrize("kind", ["half", "latin", "folder", "empty"])
def test_a_login_that_cant_be_read_shuts_the_app(home: Path, tmp_path: Path, kind: str) -> None:
    content, said = BROKEN[kind]
    for app in started(home, put(tmp_path / "secrets.toml", content)):
        paths = ("/", "/train", "/thumbnails/a", "/static/x", "/_stcore/health", "/media/a")
        answers = [httpx.get(f"{app.url}{path}") for path in paths]
        assert {answer.status_code for answer in answers} == {503}
        assert said in html.unescape(answers[0].text)
        for secret in (CLIENT_SECRET, COOKIE_SECRET, str(tmp_path)):
            assert secret not in answers[0].text
        refused = handshake(app, f"127.0.0.1:{app.port}", f"http://127.0.0.1:{app.port}")
        assert refused.startswith("HTTP/1.1 403")


def test_a_login_that_vanishes_while_the_app_runs_shuts_it(home: Path, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(SECRETS)
    for app in started(home, secrets):
        assert httpx.get(app.url).status_code == 200
        for content in ("", "[auth", SECRETS):
            secrets.write_text(content)
            until_status(app, 200 if content == SECRETS else 503)
        secrets.unlink()
        for _ in range(10):
            assert httpx.get(f"{app.url}/thumbnails/a").status_code in (401, 503)
            time.sleep(0.2)


def until_status(app: App, status: int) -> None:
    until = time.monotonic() + 60
    while httpx.get(app.url).status_code != status:
        assert time.monotonic() < until, f"never {status}"
        time.sleep(0.2)


PAGES = ("/", "/train", "/static/none.js", "/_stcore/health", "/thumbnails/a", "/media/a")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8501", "localhost.evil.example", "0.0.0.0", "192.168.7.7", ""],
)
def test_a_host_name_nobody_allowed_gets_nothing(app: App, host: str) -> None:
    for path in PAGES:
        answer = ask(app, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        assert answer.startswith("HTTP/1.1 403"), path
        assert hosts.ENV_HOSTS in answer
    assert handshake(app, host, f"http://{host}").startswith("HTTP/1.1 403")


LOCAL = ["localhost", "127.0.0.1:9", "[::1]:8501", "x.localhost", "LOCALHOST."]


@pytest.mark.parametrize("host", LOCAL)
def test_every_name_of_this_machine_is_answered(app: App, host: str) -> None:
    assert httpx.get(app.url, headers={"Host": host}).status_code == 200
    assert handshake(app, host, f"http://{host}").startswith("HTTP/1.1 101")


def test_no_host_and_two_hosts_get_nothing(app: App) -> None:
    assert ask(app, "GET / HTTP/1.0\r\n\r\n").startswith("HTTP/1.1 403")
    two = "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert ask(app, two).split()[1] in ("400", "403")


def test_the_page_of_another_server_of_this_machine_is_refused(app: App) -> None:
    own = f"127.0.0.1:{app.port}"
    for site in ("localhost:9", "127.0.0.1:9", "evil.example", "localhost", ""):
        origin = f"http://{site}" if site else "null"
        assert handshake(app, own, origin).startswith("HTTP/1.1 403"), origin
        put = httpx.put(f"{app.url}/_stcore/upload_file/a/b", headers={"Origin": origin})
        assert (put.status_code, put.text) == (403, gate.WRONG_ORIGIN)
    assert handshake(app, own, f"http://{own}").startswith("HTTP/1.1 101")


def test_names_that_are_configured_are_answered(home: Path, tmp_path: Path) -> None:
    names = "lab.example, *.bird.example"
    expected = {"lab.example": 200, "a.bird.example:80": 200, "bird.example": 403}
    for app in started(home, tmp_path / "none.toml", FIELDMARK_ALLOWED_HOSTS=names):
        for host, status in expected.items():
            assert httpx.get(app.url, headers={"Host": host}).status_code == status
        assert handshake(app, "lab.example", "http://lab.example").startswith("HTTP/1.1 101")
        assert handshake(app, "lab.example", "http://evil.example").startswith("HTTP/1.1 403")


def test_files_are_never_run_and_pages_load_nothing_from_elsewhere(app: App) -> None:
    page, file = httpx.get(app.url), httpx.get(f"{app.url}/downloads/x/model.tar.gz")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert file.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert file.headers["cross-origin-resource-policy"] == "same-origin"
    for answer in (page, file):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.browser
def test_a_page_whose_name_was_bound_anew_reaches_nothing(app: App, browser: Any) -> None:
    """DNS rebinding, with Chromium's own resolver told that evil.example is this machine."""
    rebound = browser.browser_type.launch(
        executable_path=browser_path(),
        args=["--no-sandbox", "--host-resolver-rules=MAP evil.example 127.0.0.1"],
    )
    try:
        page = rebound.new_page()
        answer = page.goto(f"http://evil.example:{app.port}/")
        assert answer.status == 403
        opened = page.evaluate(
            """port => new Promise(done => {
                const socket = new WebSocket(`ws://evil.example:${port}/_stcore/stream`)
                socket.onopen = () => done(true)
                socket.onerror = () => done(false)
            })""",
            app.port,
        )
        assert not opened
    finally:
        rebound.close()


def browser_path() -> str:
    from tests.ui.browsing import CHROMIUM

    assert CHROMIUM
    return CHROMIUM


def handshake(app: App, host: str, origin: str) -> str:
    """The first line of the answer to the page's websocket."""
    return ask(
        app,
        f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Sec-WebSocket-Version: 13\r\nOrigin: {origin}\r\n\r\n",
        whole=False,
    )


def ask(app: App, request: str, whole: bool = True) -> str:
    with socket.create_connection(("127.0.0.1", app.port), timeout=30) as connection:
        connection.sendall(request.encode())
        answer = connection.recv(4096)
        while whole and (part := connection.recv(4096)):
            answer += part
    return answer.decode("utf-8", "replace")
