"""The form that starts an endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core import backends, settings
from core.backends import Backend
from core.errors import FieldmarkError, UserError
from core.io.names import numbered
from core.jobs import specs
from core.jobs import store as jobs
from core.models.store import Model
from ui import choices, links, messages
from ui.models import list as model_list
from ui.shared import crop_notice, serving_form
from ui.text import plain

MINUTE, HOUR, DAY = 60, 3600, 86_400
DEADLINES = {
    "when I delete it": 0,
    "after 15 minutes": 15 * MINUTE,
    "after an hour": HOUR,
    "after 8 hours": 8 * HOUR,
    "after a day": DAY,
    "after a week": 7 * DAY,
}
USUAL_PAID_END = "after 8 hours"
KEEPS_TIME = "The endpoint itself keeps the time, also while this app is closed."
PRECISIONS = {
    "auto": "the fastest form that gives the same answers",
    "exact": "fp32 arithmetic only",
}


def show(models: Sequence[Model]) -> None:
    """Which model, under which name, where and for how long; goes to the endpoint's page at
    once."""
    if not models:
        st.info(
            "There is no model to serve yet. Train one first.", icon=":material/model_training:"
        )
        links.button(
            "Train a model",
            "train",
            key="dp_train",
            icon=":material/model_training:",
            kind="primary",
        )
        return
    by_id = {model.id: model for model in models}
    with st.container(border=True, key="dp_form"):
        where = serving_form.backend("dp")
        left, middle, right = st.columns([3, 2, 2])
        chosen = model_list.choose(by_id, key="dp_model", on=left)
        if chosen is None:
            return
        crop_notice.warn(by_id[chosen])
        proposed = numbered(
            by_id[chosen].name, [endpoint.name for endpoint in backends.endpoints()]
        )
        name = middle.text_input(
            "Name", key="dp_name", placeholder=proposed, max_chars=settings.MAX_NAME_LENGTH
        )
        ends = _ends(right, where)
        given = {
            "name": name.strip() or proposed,
            "model_id": chosen,
            "seconds": float(DEADLINES[ends]),
        }
        with messages.shown():
            given |= _on_platform() if where.asks_resources else _here()
            # The id is made with the form and not with the click: two clicks are one endpoint.
            st.session_state.setdefault("dp_id", jobs.new_id("endpoint"))
            if st.button(
                "Start the endpoint",
                type="primary",
                key="dp_start",
                icon=":material/rocket_launch:",
            ):
                _start(where, given)


def _ends(place: Any, where: Backend) -> str:
    """When it ends; where it costs, it does so by itself unless somebody says otherwise."""
    names = list(DEADLINES)
    index = names.index(USUAL_PAID_END) if where.asks_resources else 0
    words = (
        "The deadline is kept on this machine, and as a tag on the endpoint."
        if where.asks_resources
        else KEEPS_TIME
    )
    return choices.one(
        "It ends", names, start=names[index], key=f"dp_ends_{where.name}", help=words, on=place
    )


def _here() -> dict[str, Any]:
    with st.expander("More"):
        more = _more()
    st.caption(
        "It runs on this workstation, on 127.0.0.1 only, and stays up when this page or the app "
        "is closed."
    )
    return more


def _on_platform() -> dict[str, Any]:
    resources = serving_form.endpoint("dp")
    given: dict[str, Any] = {"resources": resources}
    if not resources.is_serverless:
        with st.expander("More"):
            given |= _capture(
                "This share of the photos it is sent is kept with their answers, in the bucket, "
                "and brought here."
            )
    st.caption(
        "It stays up when this page or the app is closed. It takes SageMaker some minutes to "
        "start it."
    )
    return given


def _more() -> dict[str, Any]:
    left, right = st.columns(2)
    precision = choices.one(
        "It answers with",
        list(PRECISIONS),
        label=PRECISIONS.__getitem__,
        key="dp_precision",
        on=left,
    )
    port = right.number_input(
        "Port",
        0,
        65535,
        0,
        key="dp_port",
        help=(
            "0 takes any that is free. Where the one you name is taken, it takes another and says "
            "so."
        ),
    )
    kept = _capture(
        "This share of the photos it is sent, chosen by chance, is kept with their answers, on "
        "this machine only."
    )
    return {"precision": precision, "port": int(port), **kept}


def _capture(words: str) -> dict[str, Any]:
    left, right = st.columns(2)
    share = left.slider(
        "Keep photos for the monitor", 0, 100, 0, step=5, format="%d %%", key="dp_share", help=words
    )
    most = right.number_input(
        "Keep at most",
        10,
        settings.MAX_CAPTURE_PHOTOS,
        settings.CAPTURE_PHOTOS,
        step=100,
        key="dp_most",
        disabled=not share,
        help=f"Photos, and {settings.CAPTURE_BYTES // 2**20} MB of them; the oldest go first.",
    )
    return {"capture_share": share / 100, "capture_photos": int(most)}


def _start(where: Backend, values: dict[str, Any]) -> None:
    try:
        endpoint = where.deploy(specs.EndpointSpec(**values, id=st.session_state["dp_id"]))
    except UserError as error:
        messages.beside(messages.as_fields(error), error.field)
        return
    except FieldmarkError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.session_state["dp_id"] = jobs.new_id("endpoint")
    links.to("deploy", endpoint=endpoint.id)
