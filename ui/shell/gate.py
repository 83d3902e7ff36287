"""The check of every request: pages, websocket, routes, uploads and media files.

A request needs a known host name, the app's own origin, a login file that can be read and, except
for the parts of the sign-in page, a visitor who is signed in.
"""

from __future__ import annotations

import html
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import auth_util, config

from core import hosts, settings
from ui.shell import login
from ui.shell.login import Login

# Served before a visitor has signed in. Pages check the login themselves (ui/guard.py).
OPEN_PREFIXES = ("/static/",)
PAGES = {f"/{page.stem}" for page in (settings.PROJECT / "pages").glob("*.py")}
OPEN_PATHS = {
    *("/", "/index.html", "/favicon.png", "/manifest.json", "/robots.txt"),
    *("/_stcore/health", "/_stcore/host-config", "/_stcore/stream"),
    *("/auth/login", "/auth/logout", "/oauth2callback"),
    *PAGES,
}
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
ANY_INTERFACE = ("0.0.0.0", "::", "")

WRONG_HOST = (
    "Fieldmark doesn't answer to this host name. If the name is right, add it to "
    f"{hosts.ENV_HOSTS} and restart the app."
)
WRONG_ORIGIN = "This request comes from another site, which may not use Fieldmark."
SIGN_IN = "Sign in to Fieldmark, then open this address again."
SHUT = (Path(__file__).parent / "shut.html").read_text(encoding="utf-8")

# A page loads nothing from other hosts, whatever a name or note in it contains.
PAGE_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws: wss: "
    "data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
)
# A file is displayed or saved, never run, and other sites can't embed it.
FILE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
PAGE_HEADERS = {**HEADERS, "Content-Security-Policy": PAGE_POLICY}
FILE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": FILE_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Gate:
    """ASGI middleware that checks every request and adds security headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._was_required = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = refuse(HTTPConnection(scope), self._login())
        if refusal and scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif refusal:
            await refusal(scope, receive, send)
        elif scope["type"] == "websocket":
            await self.app(scope, self._while_unchanged(receive), send)
        else:
            await self.app(scope, receive, _with_headers(send, _is_open(scope["path"])))

    def _login(self) -> Login:
        """Return the login. If it is removed while the app runs, the app refuses all requests."""
        found = login.current()
        if self._was_required and not found.is_required:
            return Login(True, login.REMOVED)
        self._was_required = found.is_required
        return found

    def _while_unchanged(self, receive: Receive) -> Receive:
        """Return `receive`, which disconnects the browser when the login changes."""
        before = self._login()

        async def receiving() -> Message:
            message = await receive()
            if self._login() != before:
                return {"type": "websocket.disconnect", "code": 1008}
            return message

        return receiving


def refuse(connection: HTTPConnection, found: Login) -> Response | None:
    """Return the response that refuses a request, or None if it is allowed."""
    if not _is_known_host(connection.headers.getlist("host")):
        return PlainTextResponse(WRONG_HOST, 403, HEADERS)
    is_reading = connection.scope.get("method", "") in SAFE_METHODS
    if not is_reading and not hosts.is_trusted_sender(connection.headers, _origins()):
        return PlainTextResponse(WRONG_ORIGIN, 403, HEADERS)
    if found.problem:
        return HTMLResponse(SHUT.format(problem=html.escape(found.problem)), 503, HEADERS)
    if found.is_required and not _is_open(connection.scope["path"]):
        is_let_in = login.is_signed_in(connection)
        if is_let_in:
            return None
        return PlainTextResponse(SIGN_IN, 401, HEADERS)
    return None


def _is_open(path: str) -> bool:
    base = str(config.get_option("server.baseUrlPath") or "").strip("/")
    inside = path.removeprefix(f"/{base}") if base else path
    # Streamlit's browser code tries its own paths below a page first, which answer 404.
    below = next((page for page in PAGES if inside.startswith(f"{page}/")), "")
    inside = inside.removeprefix(below) or "/"
    return f"/{inside.strip('/')}" in OPEN_PATHS or inside.startswith(OPEN_PREFIXES)


def _is_known_host(named: list[str]) -> bool:
    allowed = _hosts()
    return len(named) == 1 and ("*" in allowed or hosts.is_allowed_host(named[0], allowed))


def _hosts() -> set[str]:
    """Return the allowed host names from the variable, Streamlit's settings and the login."""
    address = str(config.get_option("server.address") or "")
    names = {*hosts.configured(hosts.ENV_HOSTS), *config.get_option("server.allowedHosts")}
    names |= {urlsplit(origin).hostname or "" for origin in _origins()}
    if config.is_manually_set("browser.serverAddress"):
        names.add(str(config.get_option("browser.serverAddress")))
    return (names | {address}) - {*ANY_INTERFACE}


def _origins() -> set[str]:
    """Return the origins that may use the app: those that Streamlit allows, and the login's."""
    allowed = {str(site).strip().lower() for site in config.get_option("server.corsAllowedOrigins")}
    found = login.current()
    if found.is_required and not found.problem:
        allowed.add(str(auth_util.get_origin_from_redirect_uri()).lower())
    return allowed


def _with_headers(send: Send, is_page: bool) -> Send:
    wanted = PAGE_HEADERS if is_page else FILE_HEADERS

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in wanted.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
