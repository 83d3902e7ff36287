"""What pages of other sites can do to an endpoint, in a real browser: nothing."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core.backends import LOCAL, Endpoint, EndpointState
from core.endpoints import capture
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec
from core.models.store import Model
from tests.backends.asking import Client
from tests.backends.test_local_endpoints import png
from tests.backends.watching import settled, until

pytestmark = pytest.mark.browser

# Sends a photo in the ways for which no browser asks the server first.
SEND = """async ([url, photo]) => {
    const bytes = Uint8Array.from(photo);
    const form = new FormData();
    form.append("photo", new Blob([bytes], {type: "image/png"}), "a.png");
    for (const body of [form, new Blob([bytes]), new Blob([bytes], {type: "text/plain"})])
        await fetch(url, {method: "POST", mode: "no-cors", body});
    return navigator.sendBeacon(url, form);
}"""
REFUSED = """async ([url, photo]) => {
    const body = new Blob([Uint8Array.from(photo)], {type: "image/png"});
    return await fetch(url, {method: "POST", body}).then(answer => answer.status, () => "refused");
}"""


class Page(BaseHTTPRequestHandler):
    """Another site's page; its form posts to the address that the page's own query names."""

    def do_GET(self) -> None:
        target = urllib.parse.unquote(self.path.partition("?")[2])
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        form = f'<form method="post" enctype="multipart/form-data" action="{target}">'
        self.wfile.write(f'{form}<input type="file" name="p"><button>Send</button>'.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def endpoint(heated: Model) -> Iterator[Endpoint]:
    """One that keeps every photo it is sent."""
    made = settled(LOCAL, LOCAL.deploy(EndpointSpec("Kept", heated.id, capture_share=1)))
    assert made.state is EndpointState.IN_SERVICE, made.reason
    yield made
    LOCAL.delete(made)


def kept(endpoint: Endpoint) -> int:
    return len(capture.read(jobs.read(endpoint.id).folder))


def test_another_sites_page_has_no_photo_answered_or_kept(
    page: Any,
    site: str,
    endpoint: Endpoint,
) -> None:
    url, photo = f"{endpoint.url}/invocations", png("circle")
    page.goto(f"{site}/?{urllib.parse.quote(url)}")
    page.evaluate(SEND, [url, list(photo)])
    assert page.evaluate(REFUSED, [url, list(photo)]) == "refused"
    file = {"name": "a.png", "mimeType": "image/png", "buffer": photo}
    page.locator("input").set_input_files(file)
    page.get_by_role("button", name="Send").click()
    page.wait_for_url(url)
    assert json.loads(page.locator("body").inner_text())["error"]["code"] == "foreign_origin"
    assert LOCAL.figures(endpoint).requests == 0
    client = Client(int(endpoint.url.rsplit(":", 1)[1]))
    assert client.post(photo).status == 200
    until(lambda: kept(endpoint) > 0, "the photo of a program", 60)
    assert kept(endpoint) == 1, "and no other"
