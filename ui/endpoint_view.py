"""An endpoint on its page: state, photos dropped and answered, the lines of code that do the same, and its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import streamlit as st

from core import backends, jobs, models, settings
from core.backends import Endpoint, EndpointState
from core.errors import BackendError, FieldmarkError
from core.images import open_image
from ui import charts, links
from ui.text import age, plain

COLOURS = {EndpointState.CREATING: "blue", EndpointState.IN_SERVICE: "green", EndpointState.DELETING: "orange", EndpointState.FAILED: "red"}
MEDIA_TYPE = "application/x-image"


def listing(endpoints: Sequence[Endpoint]) -> None:
    """Every endpoint in one card each."""
    if not endpoints:
        st.caption("Nothing is being served.")
    for endpoint in endpoints:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"dp_card_{endpoint.id}"):
            st.markdown(badge(endpoint), width="content")
            links.link("deploy", plain(endpoint.name), endpoint=endpoint.id)
            st.caption(f"{endpoint.url or endpoint.reason or 'starting'}, made {age(endpoint.created)}")


def badge(endpoint: Endpoint) -> str:
    return f":{COLOURS[endpoint.state]}-badge[{endpoint.state}]"


def show(endpoint: Endpoint) -> None:
    """One endpoint; while it is being created the page looks again by itself."""
    if endpoint.state is EndpointState.CREATING:
        st.fragment(_creating, run_every=0.7)(endpoint.id)
        return
    _header(endpoint)
    if endpoint.state is EndpointState.FAILED:
        st.error(plain(endpoint.reason), icon=":material/error:")
        _log(endpoint)
        return
    photos, code = st.tabs([":material/add_a_photo: Photos", ":material/code: Use it from code"])
    with photos:
        _photos(endpoint)
    with code:
        _snippets(endpoint)
    _log(endpoint)


def _creating(endpoint_id: str) -> None:
    now = next((e for e in backends.endpoints() if e.id == endpoint_id), None)
    if now is None or now.state is not EndpointState.CREATING:
        st.rerun()
    st.progress(0.5, text=f"Loading the model and sending it a smoke image. Started {age(now.created)}.")
    _delete_button(now)


def _header(endpoint: Endpoint) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{badge(endpoint)} made {age(endpoint.created)}", width="content")
        if smoke := endpoint.details.get("smoke_ms"):
            st.caption(f"The smoke image came back in {smoke} ms.", width="content")
        links.link("models", "Its model", ":material/verified:", model=endpoint.model_id)
        _delete_button(endpoint)


def _delete_button(endpoint: Endpoint) -> None:
    label = "Stop and delete" if endpoint.state is not EndpointState.FAILED else "Delete"
    if st.button(label, key=f"dp_delete_{endpoint.id}", icon=":material/delete:", help="The model stays; only the server goes."):
        with st.spinner("Ending the endpoint"):
            backends.of(endpoint).delete(endpoint)
        links.to("deploy")


def _photos(endpoint: Endpoint) -> None:
    uploads = st.file_uploader(
        "Drop photos here",
        type=[suffix.lstrip(".") for suffix in settings.IMAGE_SUFFIXES],
        accept_multiple_files=True,
        key=f"dp_drop_{endpoint.id}",
        max_upload_size=16,
        help="As many as you like; each is sent to the endpoint by itself.",
    )
    if not uploads:
        st.caption("One photo or many: each gets its five likeliest classes and the time the answer took.")
        return
    answers = _answers(endpoint, uploads)
    columns = st.columns(3 if len(uploads) > 2 else 2, gap="medium")
    for number, upload in enumerate(uploads):
        with columns[number % len(columns)], st.container(border=True):
            _answer(upload, answers[upload.file_id], key=f"{endpoint.id}_{number}_{upload.file_id}")


def _answers(endpoint: Endpoint, uploads: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """The answers by upload; each photo is asked once, however often the page is redrawn."""
    kept: dict[str, dict[str, Any]] = st.session_state.setdefault(f"dp_answers_{endpoint.id}", {})
    new = [upload for upload in uploads if upload.file_id not in kept]
    if new:
        bar = st.progress(0.0, text="Asking the endpoint")
        for number, upload in enumerate(new, 1):
            kept[upload.file_id] = _ask(endpoint, upload.getvalue())
            bar.progress(number / len(new), text=f"Asking the endpoint: {number} of {len(new)}")
        bar.empty()
    return kept


def _ask(endpoint: Endpoint, body: bytes) -> dict[str, Any]:
    if len(body) > settings.MAX_INVOCATION_BYTES:
        return {
            "failed": f"The file has {len(body):,} bytes; an endpoint takes at most {settings.MAX_INVOCATION_BYTES:,}. Make it smaller."
        }
    start = time.perf_counter()
    try:
        answer = backends.of(endpoint).invoke(endpoint, body, MEDIA_TYPE)
    except BackendError as error:
        return {"failed": str(error)}
    return {**answer, "round_trip_ms": (time.perf_counter() - start) * 1000}


def _answer(upload: Any, answer: dict[str, Any], *, key: str) -> None:
    try:
        st.image(open_image(upload.getvalue()), width="stretch", alt=upload.name)
    except FieldmarkError:
        st.markdown(":material/broken_image:")
    st.caption(plain(upload.name))
    if "failed" in answer:
        st.error(plain(answer["failed"]), icon=":material/error:")
        return
    first, second = [*answer["predictions"], {"label": "", "probability": 0}][:2]
    st.markdown(f"**{plain(first['label'])}** {first['probability']:.1%}")
    if answer.get("unfamiliar"):
        st.markdown(":orange-badge[:material/question_mark: unfamiliar] Unlike everything the model has seen; do not trust this answer.")
    elif answer.get("unsure"):
        st.markdown(f":orange-badge[:material/help: unsure] It may as well be **{plain(second['label'])}** ({second['probability']:.1%}).")
    charts.top_k(answer["predictions"], unsure=bool(answer.get("unsure")), key=f"bars_{key}")
    st.caption(f"{answer.get('latency_ms', 0):.1f} ms in the model, {answer['round_trip_ms']:.1f} ms there and back")


def _snippets(endpoint: Endpoint) -> None:
    st.markdown("The same from a terminal, with any photo:")
    st.code(f"curl -s -X POST -H 'Content-Type: {MEDIA_TYPE}' --data-binary @photo.jpg {endpoint.url}/invocations", language="bash")
    st.markdown("And from Python:")
    st.code(
        "import json, urllib.request\n\n"
        "photo = open('photo.jpg', 'rb').read()\n"
        f"request = urllib.request.Request('{endpoint.url}/invocations', photo, {{'Content-Type': '{MEDIA_TYPE}'}})\n"
        "print(json.load(urllib.request.urlopen(request))['predictions'][0])",
        language="python",
    )
    model = models.read(endpoint.model_id)
    st.caption(f"It answers with the likeliest of {len(model.classes)} classes, as JSON. It listens on this machine only.")


def _log(endpoint: Endpoint) -> None:
    chunk = backends.of(endpoint).log(jobs.read(endpoint.id))
    with st.expander("Log", icon=":material/article:", expanded=endpoint.state is EndpointState.FAILED):
        st.code(chunk.text[-10_000:] or "Nothing yet.", language=None)
