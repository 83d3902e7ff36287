"""An endpoint from code: the lines that ask it, ready to be run."""

from __future__ import annotations

import streamlit as st

from core import models
from core.backends import Endpoint

MEDIA_TYPE = "application/x-image"


def show(endpoint: Endpoint) -> None:
    """curl and Python for one photo, and for several in one request."""
    url = f"{endpoint.url}/invocations"
    st.markdown("One photo, from a terminal:")
    st.code(f"curl -s -H 'Content-Type: {MEDIA_TYPE}' --data-binary @photo.jpg \\\n  {url}", language="bash")
    st.markdown("From Python, which keeps the connection for many photos:")
    st.code(
        "import requests\n\n"
        f'url = "{url}"\n'
        "session = requests.Session()\n"
        f'session.headers["Content-Type"] = "{MEDIA_TYPE}"\n'
        'with open("photo.jpg", "rb") as photo:\n'
        "    answer = session.post(url, data=photo.read(), timeout=60)\n"
        "answer.raise_for_status()\n"
        'print(answer.json()["predictions"][0])',
        language="python",
    )
    st.markdown("Several photos in one request, as a form; the answers come in the order of the photos:")
    st.code(f"curl -s -F photo=@one.jpg -F photo=@two.jpg {url}", language="bash")
    st.markdown("Or as JSON:")
    st.code(
        "import base64, requests\n\n"
        f'url = "{url}"\n'
        "photos = []\n"
        'for name in ("one.jpg", "two.jpg"):\n'
        '    with open(name, "rb") as photo:\n'
        "        photos.append(base64.b64encode(photo.read()).decode())\n"
        'answer = requests.post(url, json={"photos": photos}, timeout=60)\n'
        'print(answer.json()["answers"])',
        language="python",
    )
    st.markdown("Its health and its figures:")
    st.code(f"curl -s {endpoint.url}/ping\ncurl -s {endpoint.url}/metrics", language="bash")
    _about(endpoint)


def _about(endpoint: Endpoint) -> None:
    model = models.read(endpoint.model_id)
    st.caption(
        f"It answers with the likeliest of {len(model.classes)} classes, as JSON. A request has at most 6 MiB, and at most 32 photos. "
        'What it refuses comes as {"error": {"code", "message"}} with 400, 413, 415 or, when too many wait, 503. '
        "It listens on this machine only."
    )
