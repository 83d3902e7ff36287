"""The login in Streamlit's secrets files, and whether a visitor is signed in.

If a login is configured and can't be read, the app refuses all requests.
"""

from __future__ import annotations

import functools
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from starlette.requests import HTTPConnection
from streamlit import auth_util, config
from streamlit.web.server.server_util import AUTH_COOKIE_NAME, get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_websocket import gather_user_info

SHARED_KEYS = ("redirect_uri", "cookie_secret")
PROVIDER_KEYS = ("client_id", "client_secret", "server_metadata_url")
NO_PROVIDERS = ("client_kwargs",)
UNREADABLE = (OSError, ValueError, RecursionError)
REMOVED = "The login was removed while the app ran. Put it back, or restart the app without it."
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Login:
    """The login that is configured; `problem` says why it can't be used, without secrets."""

    is_required: bool = False
    problem: str = ""
    providers: tuple[str, ...] = ()


# The problem at the start of the app, if Streamlit could not start with it.
_at_start: list[str] = []


def check_at_start() -> None:
    """Check the files before Streamlit reads them: some damaged files would end the process.

    The app then starts without them and refuses all requests until it is restarted.
    """
    login = current()
    if login.problem and not _streamlit_can_start():
        _at_start.append(login.problem)
        config.set_option("secrets.files", [])


def current() -> Login:
    """Return the login; cheap, because a file is parsed only when it changes."""
    if _at_start:
        return Login(True, _at_start[0])
    try:
        return _read()
    except UNREADABLE:
        return Login(True, _diagnosis())


def is_signed_in(connection: HTTPConnection) -> bool:
    """Return whether the visitor is signed in, decided as for the websocket of the pages."""
    trusted = gather_user_info(connection.headers)
    return bool({**_user(connection.cookies), **trusted}.get("is_logged_in"))


def _user(cookies: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the user in the cookie of `st.login`; empty if it is forged, expired or of another
    site."""

    def signed(name: str) -> bytes | None:
        value = cookies.get(name, "").encode("latin-1", "replace")
        return decode_signed_value(get_cookie_secret(), name, value)

    try:
        user = json.loads(auth_util.get_cookie_with_chunks(signed, AUTH_COOKIE_NAME) or b"{}")
    except ValueError:
        return {}
    if not isinstance(user, dict):
        return {}
    is_ours = user.get("origin") == auth_util.get_origin_from_redirect_uri()
    if is_ours:
        return user
    return {}


def _read() -> Login:
    section = _section()
    if section is None:
        return Login()
    if not isinstance(section, Mapping):
        return Login(True, "auth is not a table: it has to begin with the line [auth].")
    providers = _providers(section)
    problem = _first_problem(section, providers)
    return Login(True, problem, tuple(providers))


def _section() -> Any:
    """Return `auth` as it is in the files now; Streamlit may have cached an older one."""
    present = [path for path in _files() if _is_there(path)]
    if present and all(path.endswith(".toml") for path in present):
        stamps = [os.stat(path) for path in present]
        return _parsed(tuple(present), tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in stamps))
    try:
        return st.secrets["auth"]
    except KeyError:
        return None
    except FileNotFoundError:
        if present:
            raise
        return None


@functools.lru_cache(maxsize=4)
def _parsed(paths: tuple[str, ...], _stamps: tuple[tuple[int, ...], ...]) -> Any:
    """Return `auth` of the last file that has it, as Streamlit merges them."""
    tables = [tomllib.loads(Path(path).read_bytes().decode()) for path in paths]
    return next((table["auth"] for table in reversed(tables) if "auth" in table), None)


def _providers(section: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the providers by name; `default` has its keys in [auth] itself."""
    tables = {name: table for name, table in section.items() if isinstance(table, Mapping)}
    named = {name: table for name, table in tables.items() if name not in NO_PROVIDERS}
    is_plain = any(key in section for key in PROVIDER_KEYS) or not named
    if is_plain:
        return {"default": section, **named}
    return named


def _first_problem(section: Mapping[str, Any], providers: Mapping[str, Mapping[str, Any]]) -> str:
    problems = [_missing(section, SHARED_KEYS, "[auth]"), _bad_redirect(section)]
    for name, table in providers.items():
        where = "[auth]" if table is section else f"[auth.{name}]"
        problems.append(_missing(table, PROVIDER_KEYS, where))
        if "_" in name:
            problems.append(f"{where} has an underscore in its name, which Streamlit refuses.")
    return next(filter(None, problems), "")


def _missing(table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> str:
    for key in keys:
        value = table.get(key, "")
        if not isinstance(value, str):
            return f"{key} in {where} has to be text in quotation marks."
        if not value.strip():
            return f"{where} has no {key}."
    return ""


def _bad_redirect(section: Mapping[str, Any]) -> str:
    address = str(section.get("redirect_uri", ""))
    try:
        parts = urlsplit(address.replace("{port}", "1"))
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_good = False
    if is_good and parts.path.endswith("/oauth2callback"):
        return ""
    return "redirect_uri in [auth] has to be the app's own address, ending in /oauth2callback."


def _files() -> list[str]:
    return list(config.get_option("secrets.files"))


def _is_there(path: str) -> bool:
    """Whether the file or link exists; raises OSError if that can't be determined."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _streamlit_can_start() -> bool:
    try:
        get_cookie_secret()
    except Exception:
        return False
    return True


def _diagnosis() -> str:
    """Return which file can't be used and why, without its content."""
    for path in _files():
        try:
            reason = _reason(Path(path))
        except OSError as error:
            reason = f"can't be read ({error.strerror})"
        if reason:
            return f"{Path(path).name} {reason}."
    return "The secrets files can't be used."


def _reason(path: Path) -> str:
    if not _is_there(str(path)):
        return ""
    if path.is_dir() and path.suffix != ".toml":
        return "is a folder of secrets that can't be read"
    content = path.read_bytes()
    if content.startswith(BYTE_ORDER_MARK):
        return "begins with a byte order mark: save it as UTF-8 without one"
    try:
        tomllib.loads(content.decode())
    except UnicodeDecodeError:
        return "isn't UTF-8 text"
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line \d+, column \d+", str(error))
        return f"isn't valid TOML ({place[0] if place else 'at its end'})"
    except RecursionError:
        return "isn't valid TOML (nested too deeply)"
    return ""
