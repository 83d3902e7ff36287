"""Decide which Host and Origin headers a server on this machine answers, app and endpoints alike.

A page of any site can resolve its own name to 127.0.0.1 (DNS rebinding) or post a form to it; the
browser then says in these headers whose page it is. Programs other than browsers send no Origin.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Collection, Mapping

# Names, separated by commas, besides this machine's own: birds.example.org, *.example.org.
ENV_HOSTS = "FIELDMARK_ALLOWED_HOSTS"
# Sites whose pages may send photos, separated by commas: https://birds.example.org.
ENV_ORIGINS = "FIELDMARK_ALLOWED_ORIGINS"

# A name or address and its port, as RFC 3986 writes them; anything else is refused.
AUTHORITY = r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?"
DEFAULT_PORTS = {"http": 80, "https": 443}
MALFORMED = ("", 0)


def configured(variable: str) -> frozenset[str]:
    """Return the values of ENV_HOSTS or ENV_ORIGINS."""
    parts = os.environ.get(variable, "").split(",")
    return frozenset(part.strip().lower().rstrip("/") for part in parts if part.strip())


def is_allowed_host(header: str, allowed: Collection[str] = ()) -> bool:
    """Return whether a Host header names this machine or one of `allowed`, whatever its port is."""
    name, _ = _authority(header, 0)
    return bool(name) and (_is_loopback(name) or any(_matches(name, entry) for entry in allowed))


def is_own_origin(origin: str, host: str) -> bool:
    """Return whether an Origin header is the server's own, the one that the Host header names."""
    scheme, _, authority = origin.lower().partition("://")
    default = DEFAULT_PORTS.get(scheme, 0)
    name = _authority(authority, default)
    return bool(default) and name != MALFORMED and name == _authority(host, default)


def is_trusted_sender(headers: Mapping[str, str], origins: Collection[str] = ()) -> bool:
    """Return whether a request that changes something comes from no other site's page.

    `headers` with lower-case names. Without an Origin (curl, boto3) only Sec-Fetch-Site can object.
    """
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    return is_own_origin(origin, headers.get("host", "")) or origin.lower() in origins


def _authority(text: str, default_port: int) -> tuple[str, int]:
    """Return the name, in lower case and without its final dot, and the port; or MALFORMED."""
    found = re.fullmatch(AUTHORITY, text.lower())
    if not found:
        return MALFORMED
    return found[1].removesuffix(".").strip("[]"), int(found[2] or default_port)


def _is_loopback(name: str) -> bool:
    # Browsers and resolvers keep *.localhost on the machine (RFC 6761): they cannot be registered.
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _matches(name: str, entry: str) -> bool:
    wanted, _ = _authority(entry.removeprefix("*."), 0)
    if entry.startswith("*."):
        return name.endswith(f".{wanted}")
    return name == wanted
