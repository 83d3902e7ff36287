"""Every way to write this machine is answered, and no other name."""

from __future__ import annotations

import pytest

from core import hosts

LOCAL = [
    "localhost", "localhost:8501", "LOCALHOST:1", "localhost.", "localhost.:80", "a.localhost:8501",
    "127.0.0.1", "127.0.0.1:8501", "127.8.9.1:3", "[::1]", "[::1]:8501",
]  # fmt: skip
FOREIGN = [
    "", " ", ":80", "evil.example", "evil.example:8501", "localhost.evil.example",
    "127.0.0.1.evil.example", "evil.example#localhost", "evil.example/localhost",
    "localhost/evil.example", "localhost@evil.example", "evil@localhost", "localhost:x",
    "localhost:999999", "0.0.0.0", "[::]", "[::1", "10.0.0.1", "192.168.1.4:80", "notlocalhost",
    "localhost,evil.example", "localhost evil.example", "127.1", "2130706433", "[::1]evil",
    "local\u0000host", "localhost?", "lo\u00e7alhost", "localhost\t",
]  # fmt: skip


@pytest.mark.parametrize("header", LOCAL)
def test_every_name_of_this_machine_is_allowed(header: str) -> None:
    assert hosts.is_allowed_host(header)


@pytest.mark.parametrize("header", FOREIGN)
def test_no_other_name_is_allowed(header: str) -> None:
    assert not hosts.is_allowed_host(header)


def test_names_that_the_user_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    names = " Birds.example.org , *.lab.example,10.0.0.7:8501, [fe80::1],"
    monkeypatch.setenv(hosts.ENV_HOSTS, names)
    allowed = hosts.configured(hosts.ENV_HOSTS)
    for header in ("birds.example.org:443", "a.lab.example", "10.0.0.7:80", "[fe80::1]:1"):
        assert hosts.is_allowed_host(header, allowed), header
    for header in ("example.org", "x.birds.example.org", "lab.example", "evillab.example", ""):
        assert not hosts.is_allowed_host(header, allowed), header


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://127.0.0.1:8501", "127.0.0.1:8501", True),
        ("https://birds.example.org", "birds.example.org", True),
        ("https://birds.example.org", "birds.example.org:443", True),
        ("http://LocalHost:80", "localhost", True),
        ("http://[::1]:9", "[::1]:9", True),
        ("http://localhost:8501", "127.0.0.1:8501", False),
        ("http://127.0.0.1:9", "127.0.0.1:8501", False),
        ("http://127.0.0.1", "127.0.0.1:8501", False),
        ("http://evil.example:8501", "127.0.0.1:8501", False),
        ("null", "127.0.0.1:8501", False),
        ("", "", False),
        ("http://", "", False),
        ("file://", "", False),
        ("chrome-extension://localhost", "localhost", False),
        ("http://localhost:x", "localhost", False),
    ],
)
def test_an_origin_is_the_servers_own_by_name_and_port(origin: str, host: str, own: bool) -> None:
    assert hosts.is_own_origin(origin, host) is own


@pytest.mark.parametrize(
    ("headers", "trusted"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "http://127.0.0.1:8501"}, True),
        ({"origin": "http://127.0.0.1:8501", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "https://lab.example", "sec-fetch-site": "cross-site"}, True),
        ({"origin": "http://lab.example"}, False),
        ({"origin": "https://lab.example.evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
    ],
)
def test_a_page_of_another_site_is_not_trusted(headers: dict[str, str], trusted: bool) -> None:
    sent = {"host": "127.0.0.1:8501", **headers}
    assert hosts.is_trusted_sender(sent, {"https://lab.example"}) is trusted
