"""The form that starts an endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from core import backends, settings
from core.backends import Backend
from core.io.names import numbered
from core.jobs.specs import EndpointSpec
from core.models.store import Model
from ui import choices, links, messages
from ui.models import list as model_list
from ui.shared import crop_notice, serving_form, submit

# What there is of the spec so far; it is checked when the button is pressed.
Make = partial[EndpointSpec]
MINUTE, HOUR, DAY = 60, 3600, 86_400
DEADLINES = {
    "when I delete it": 0,
    "after 15 minutes": 15 * MINUTE,
    "after an hour": HOUR,
    "after 8 hours": 8 * HOUR,
    "after a day": DAY,
    "after a week": 7 * DAY,
}
USUAL_END, USUAL_PAID_END = "when I delete it", "after 8 hours"
DEADLINE_KEPT = "The deadline is kept on this machine, and as a tag on the endpoint."
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
        make = partial(EndpointSpec, name.strip() or proposed, chosen, float(DEADLINES[ends]))
        with messages.report_errors():
            make = _on_platform(make) if where.asks_resources else _here(make)
            submit.button(
                "Start the endpoint",
                lambda job_id: where.deploy(make(id=job_id)),
                lambda endpoint: links.to("deploy", endpoint=endpoint.id),
                form="dp",
                kind="endpoint",
                key="dp_start",
                icon=":material/rocket_launch:",
            )


def _ends(place: Any, where: Backend) -> str:
    """When it ends; where it costs, it does so by itself unless somebody says otherwise."""
    start, words = USUAL_END, KEEPS_TIME
    if where.asks_resources:
        start, words = USUAL_PAID_END, DEADLINE_KEPT
    return choices.one(
        "It ends",
        list(DEADLINES),
        start=start,
        key=f"dp_ends_{where.name}",
        help=words,
        on=place,
    )


def _here(make: Make) -> Make:
    with st.expander("More"):
        make = _more(make)
    st.caption(
        "It runs on this workstation, on 127.0.0.1 only, and stays up when this page or the app "
        "is closed."
    )
    return make


def _on_platform(make: Make) -> Make:
    resources = serving_form.endpoint("dp")
    make = partial(make, resources=resources)
    if not resources.is_serverless:
        with st.expander("More"):
            make = _capture(
                make,
                "This share of the photos it is sent is kept with their answers, in the bucket, "
                "and brought here.",
            )
    st.caption(
        "It stays up when this page or the app is closed. It takes SageMaker some minutes to "
        "start it."
    )
    return make


def _more(make: Make) -> Make:
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
    return _capture(
        partial(make, precision=precision, port=int(port)),
        "This share of the photos it is sent, chosen by chance, is kept with their answers, on "
        "this machine only.",
    )


def _capture(make: Make, words: str) -> Make:
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
    return partial(make, capture_share=share / 100, capture_photos=int(most))
