"""The one door of the app: every page, websocket, route, upload and media file passes it.

It asks for a host name that is known, an origin that is the app's own, a login file that can be
read and, but for what the sign-in page itself is made of, a visitor who is signed in.
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

# What is drawn before anybody has signed in; pages ask for themselves (ui/guard.py).
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
    "Fieldmark doesn't answer under this name. If the name in the address is meant to lead here, "
    f"put it into {hosts.ENV_HOSTS} and start the app again."
)
WRONG_ORIGIN = "This comes from another site's page, which may not use Fieldmark."
SIGN_IN = "Sign in to Fieldmark first, then open this address again."
SHUT = (Path(__file__).parent / "shut.html").read_text(encoding="utf-8")

# A page shows and asks nothing of other hosts, whatever a name or note in it says.
PAGE_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws: wss: "
    "data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
)
# A file is looked at or kept, never run, and no other site's page can take it in.
FILE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
PAGE_HEADERS = {**HEADERS, "Content-Security-Policy": PAGE_POLICY}
FILE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": FILE_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Gate:
    """ASGI middleware around everything that the app serves."""

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
        """The login; one that was there and is gone shuts the app, if only while it is edited."""
        found = login.current()
        if self._was_required and not found.is_required:
            return Login(True, login.REMOVED)
        self._was_required = found.is_required
        return found

    def _while_unchanged(self, receive: Receive) -> Receive:
        """The visitor's messages until the login changes; the browser then has to come anew."""
        before = self._login()

        async def receiving() -> Message:
            message = await receive()
            if self._login() != before:
                return {"type": "websocket.disconnect", "code": 1008}
            return message

        return receiving


def refuse(connection: HTTPConnection, found: Login) -> Response | None:
    """Return the answer to a request that isn't let in, or None."""
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
    # A page asks below its own address first, where Streamlit has nothing and says so.
    below = next((page for page in PAGES if inside.startswith(f"{page}/")), "")
    inside = inside.removeprefix(below) or "/"
    return f"/{inside.strip('/')}" in OPEN_PATHS or inside.startswith(OPEN_PREFIXES)


def _is_known_host(named: list[str]) -> bool:
    allowed = _hosts()
    return len(named) == 1 and ("*" in allowed or hosts.is_allowed_host(named[0], allowed))


def _hosts() -> set[str]:
    """The names besides this machine's own: in the variable, in Streamlit's settings, the login."""
    address = str(config.get_option("server.address") or "")
    names = {*hosts.configured(hosts.ENV_HOSTS), *config.get_option("server.allowedHosts")}
    names |= {urlsplit(origin).hostname or "" for origin in _origins()}
    if config.is_manually_set("browser.serverAddress"):
        names.add(str(config.get_option("browser.serverAddress")))
    return (names | {address}) - {*ANY_INTERFACE}


def _origins() -> set[str]:
    """The sites whose pages may use the app: what Streamlit allows, and where the login leads."""
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
