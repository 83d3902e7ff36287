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

# The spec as far as it is filled in; it is checked when the button is pressed.
Make = partial[EndpointSpec]
MINUTE, HOUR, DAY = 60, 3600, 86_400
DEADLINES = {
    "Never": 0,
    "After 15 minutes": 15 * MINUTE,
    "After 1 hour": HOUR,
    "After 8 hours": 8 * HOUR,
    "After 1 day": DAY,
    "After 1 week": 7 * DAY,
}
USUAL_STOP, USUAL_PAID_STOP = "Never", "After 8 hours"
ABOUT_PAID_STOP = (
    "This machine deletes the endpoint on schedule. The deadline is also stored as a tag on the "
    "endpoint."
)
ABOUT_STOP = "The endpoint stops on schedule even when this app is closed."
PRECISIONS = {
    "auto": "Fastest (answers within tolerance of fp32)",
    "exact": "fp32 only",
}
# As in sm_scripts/fieldmark_ml/engines/fastest.py, which needs torch; a test compares them.
TOLERANCE = 0.02
ABOUT_PRECISION = (
    f"A faster engine is used only if, on the model's own photos, no probability changes by more "
    f"than {TOLERANCE} and no class changes except in near ties."
)


def show(models: Sequence[Model]) -> None:
    """Draw the form: model, name, automatic stop and where to run; opens the endpoint's page
    after the start."""
    if not models:
        st.info("There are no models yet. Train one first.", icon=":material/model_training:")
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
        stop = _auto_stop(right, where)
        make = partial(EndpointSpec, name.strip() or proposed, chosen, float(DEADLINES[stop]))
        with messages.report_errors():
            finish = _here
            if where.asks_resources:
                finish = _on_platform
            make = finish(make)
            submit.button(
                "Start the endpoint",
                lambda job_id: where.deploy(make(id=job_id)),
                lambda endpoint: links.to("deploy", endpoint=endpoint.id),
                form="dp",
                kind="endpoint",
                key="dp_start",
                icon=":material/rocket_launch:",
            )


def _auto_stop(place: Any, where: Backend) -> str:
    """Draw the choice of when it stops; an endpoint that costs money stops unless chosen
    otherwise."""
    start, about = USUAL_STOP, ABOUT_STOP
    if where.asks_resources:
        start, about = USUAL_PAID_STOP, ABOUT_PAID_STOP
    return choices.one(
        "Auto-stop",
        list(DEADLINES),
        start=start,
        key=f"dp_ends_{where.name}",
        help=about,
        on=place,
    )


def _here(make: Make) -> Make:
    with st.expander("More settings", expanded=bool(_wanted_share())):
        make = _more(make)
    st.caption(
        "Runs on this workstation, reachable at 127.0.0.1 only. Keeps running when you close this "
        "page or the app."
    )
    return make


def _on_platform(make: Make) -> Make:
    resources = serving_form.endpoint("dp")
    make = partial(make, resources=resources)
    if not resources.is_serverless:
        with st.expander("More settings", expanded=bool(_wanted_share())):
            make = _capture(
                make,
                "Share of the requests to store with their answers, in the bucket; they are "
                "downloaded to this machine.",
            )
    st.caption(
        "SageMaker needs a few minutes to start it. Keeps running when you close this page or the "
        "app."
    )
    return make


def _more(make: Make) -> Make:
    left, right = st.columns(2)
    precision = choices.one(
        "Arithmetic",
        list(PRECISIONS),
        label=PRECISIONS.__getitem__,
        key="dp_precision",
        help=ABOUT_PRECISION,
        on=left,
    )
    port = right.number_input(
        "Port",
        0,
        65535,
        0,
        key="dp_port",
        help="0 picks a free port. If the port is in use, another one is chosen and shown.",
    )
    return _capture(
        partial(make, precision=precision, port=int(port)),
        "Share of the requests to store with their answers, chosen at random, on this machine "
        "only.",
    )


def _wanted_share() -> int:
    """Return the percentage of photos to keep that the address asks for, 0 to 100."""
    text = links.parameter("keep")
    if text.isascii() and text.isdigit():
        return min(100, int(text))
    return 0


def _capture(make: Make, about: str) -> Make:
    left, right = st.columns(2)
    wanted = _wanted_share()
    share = left.slider(
        "Keep photos for the monitor",
        0,
        100,
        wanted,
        step=5,
        format="%d %%",
        key=f"dp_share_{wanted}",
        help=about,
    )
    most = right.number_input(
        "Keep at most",
        10,
        settings.MAX_CAPTURE_PHOTOS,
        settings.CAPTURE_PHOTOS,
        step=100,
        key="dp_most",
        disabled=not share,
        help=(
            f"Number of photos, with {settings.CAPTURE_BYTES // 2**20} MB in total at most. The "
            "oldest are deleted first."
        ),
    )
    return partial(make, capture_share=share / 100, capture_photos=int(most))
