"""The monitor of an endpoint, from its stored requests: classes over time, confidence, drift, and
the photos themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.backends import Endpoint
from core.datasets.editing import review
from core.endpoints import capture, drift
from core.endpoints.drift import Drift
from core.errors import NotFound
from core.evaluation.predictions import Floats
from core.io import files
from core.jobs import store as jobs
from core.jobs.store import Job
from core.models import store as models
from core.models.store import Model
from ui import choices, links, messages, paging
from ui.components.gallery import Photo, gallery
from ui.endpoints.answers import doubt_of
from ui.shared import charts, thumbnails
from ui.text import count, plain

PAGE_SIZE = 48
BINS = 20
# More would make the legend longer than the chart; the others are summed.
SHOWN_CLASSES = 12
OTHERS = "all others"
LOW = 0.5
FILTERS = {"all": "All", "unsure": "Unsure", "unfamiliar": "Unfamiliar", "low": "Below 50 %"}


def show_endpoint(endpoint: Endpoint) -> None:
    """Draw the monitor of an endpoint that is live."""
    show(jobs.read(endpoint.id), can_store=endpoint.details.CAN_STORE)


def show(job: Job, *, can_store: bool = True) -> None:
    """Draw the monitor from the requests stored so far; without any, say how to store them.

    `can_store` is False for an endpoint that can't store requests whatever its settings.
    """
    kept = _read(job.id, capture.stamp(job.folder))
    share = float(job.spec.get("capture_share") or 0)
    if kept.empty:
        _empty(job, share, can_store=can_store)
        return
    since = pd.to_datetime(kept["time"].min(), unit="s", utc=True)
    st.caption(
        f"{count(len(kept), 'photo')} stored from {100 * share:.0f} % of all requests, since "
        f"{since:%Y-%m-%d %H:%M} UTC. They are kept on this machine and deleted with the endpoint."
    )
    model = models.read(str(job.spec["model_id"]))
    known = _confidence_on_test(model)
    _figures(kept)
    _drift(model, kept, known)
    left, right = st.columns(2)
    with left:
        _mix(model, kept)
    with right:
        _confidence(kept, known)
    _photos(job, kept)


def _empty(job: Job, share: float, *, can_store: bool) -> None:
    """Say why there are no stored requests, and offer an endpoint that stores them."""
    if share:
        st.info(
            f"No requests yet. This endpoint stores {100 * share:.0f} % of them.",
            icon=":material/monitoring:",
        )
        return
    if not can_store:
        st.info(
            "Monitoring is off: this kind of endpoint can't store requests.",
            icon=":material/monitoring:",
        )
        return
    st.info(
        "Monitoring is off: this endpoint doesn't store requests. Redeploy the model with "
        '"Keep photos" to turn it on.',
        icon=":material/monitoring:",
    )
    links.button(
        "Redeploy with monitoring",
        "deploy",
        key="dp_monitor_on",
        icon=":material/rocket_launch:",
        hint="Opens the form with all photos kept. This endpoint keeps running.",
        model=str(job.spec.get("model_id", "")),
        keep="100",
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _read(endpoint_id: str, stamp: tuple[int, float]) -> pd.DataFrame:
    """Return the stored requests; a new `stamp` reads them again."""
    return capture.read(jobs.read(endpoint_id).folder)


def _confidence_on_test(model: Model) -> Floats:
    """Return the probability of the predicted class of each test photo; empty if the predictions
    are deleted."""
    try:
        return model.predictions().of_split("test").confidence
    except NotFound:
        return np.empty(0)


def _figures(kept: pd.DataFrame) -> None:
    with st.grid(5, min_column_width=130, gap="small"):
        for quantile in (10, 50, 90):
            st.metric(
                f"Confidence p{quantile}",
                f"{kept['probability'].quantile(quantile / 100):.3f}",
                border=True,
                help=(
                    f"{quantile} % of the photos have a lower probability of their predicted class "
                    "(calibrated)."
                ),
            )
        for flag in ("unsure", "unfamiliar"):
            st.metric(
                flag.capitalize(),
                f"{kept[flag].mean():.3f}",
                border=True,
                help=f"{int(kept[flag].sum()):,} of {len(kept):,} photos.",
            )


def _drift(model: Model, kept: pd.DataFrame, known: Floats) -> None:
    try:
        _drift_line(
            "Classes",
            drift.class_drift(list(kept["prediction"]), drift.training_mix(model)),
            (
                "Jensen-Shannon distance (0 to 1) between the predicted classes and the classes "
                "of the training photos"
            ),
        )
    except NotFound as error:
        st.caption(plain(str(error)))
    if len(known):
        _drift_line(
            "Confidence",
            drift.confidence_drift(kept["probability"].to_numpy(), known),
            (
                "Kolmogorov-Smirnov distance (0 to 1) between these probabilities and those of "
                f"the {len(known):,} test photos"
            ),
        )


def _drift_line(name: str, measured: Drift, definition: str) -> None:
    verdict = ":green-badge[not significant]"
    if measured.beyond_chance:
        verdict = ":orange-badge[:material/warning: significant]"
    st.markdown(
        f"**{name} drift {measured.value:.3f}** {verdict} :gray[{definition}. Without drift, "
        f"95 % of samples of {count(measured.n, 'photo')} stay below {measured.by_chance:.3f}.]"
    )


def _mix(model: Model, kept: pd.DataFrame) -> None:
    most = list(kept["prediction"].value_counts().index[:SHOWN_CLASSES])
    over_time = drift.mix_over_time(kept, model.classes)
    over_time = _few(over_time, most, ["start", "n"])
    over_time["when"] = over_time["start"].dt.strftime("%m-%d %H:%M:%S")
    try:
        trained = pd.DataFrame(
            {"class": name, "share": share} for name, share in drift.training_mix(model).items()
        )
        over_time = pd.concat([_few(trained, most, []).assign(when="training", n=0), over_time])
    except NotFound:
        # The drift line above says that the training photos are deleted.
        over_time = over_time.copy()
    order = ["training", *over_time.loc[over_time["when"] != "training", "when"].drop_duplicates()]
    names = list(most)
    if (over_time["class"] == OTHERS).any():
        names.append(OTHERS)
    colours = [charts.PALETTE[place % len(charts.PALETTE)] for place in range(len(names))]
    chart = (
        alt.Chart(over_time)
        .mark_bar()
        .encode(
            x=alt.X("when:N", sort=order, title=None, axis=alt.Axis(labelAngle=-40)),
            y=alt.Y("share:Q", stack="normalize", title="share", axis=alt.Axis(format="%")),
            color=alt.Color(
                "class:N", sort=names, scale=alt.Scale(domain=names, range=colours), title=None
            ),
            tooltip=[
                "when",
                "class",
                alt.Tooltip("share:Q", format=".1%"),
                alt.Tooltip("n:Q", title="photos"),
            ],
        )
    )
    st.markdown("**Predicted classes over time**, and in the training photos")
    st.altair_chart(
        chart.properties(height=320),
        key="dp_mix",
        alt="Predicted classes by period, and classes of the training photos",
    )


def _few(shares: pd.DataFrame, names: Sequence[str], by: Sequence[str]) -> pd.DataFrame:
    """Return the shares with all classes but `names` summed into one."""
    named = shares.assign(**{"class": shares["class"].where(shares["class"].isin(names), OTHERS)})
    return named.groupby([*by, "class"]).agg({"share": "sum"}).reset_index()


def _confidence(kept: pd.DataFrame, known: Floats) -> None:
    edges = np.linspace(0, 1, BINS + 1)
    parts = {"stored photos": kept["probability"].to_numpy(), "test photos": known}
    rows = [
        {"from": low, "to": high, "share": number / len(values), "of": name}
        for name, values in parts.items()
        if len(values)
        for low, high, number in zip(edges, edges[1:], np.histogram(values, edges)[0], strict=False)
    ]
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_area(interpolate="step-after", opacity=0.45, line=True)
        .encode(
            x=alt.X(
                "from:Q", title="probability of the predicted class", scale=alt.Scale(domain=[0, 1])
            ),
            y=alt.Y("share:Q", title="share of photos", stack=None, axis=alt.Axis(format="%")),
            color=alt.Color(
                "of:N",
                title=None,
                scale=alt.Scale(
                    domain=list(parts), range=[charts.PALETTE[0], charts.SPLIT_COLOURS["train"]]
                ),
            ),
            tooltip=[
                "of",
                alt.Tooltip("from:Q", format=".2f"),
                alt.Tooltip("to:Q", format=".2f"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
    marks = pd.DataFrame(
        {
            "at": kept["probability"].quantile([0.1, 0.5, 0.9]).to_list(),
            "name": ["p10", "p50", "p90"],
        }
    )
    rules = (
        alt.Chart(marks)
        .mark_rule(strokeDash=[4, 3], color=charts.PALETTE[1])
        .encode(x="at:Q", tooltip=["name", alt.Tooltip("at:Q", format=".3f")])
    )
    st.markdown("**Confidence**, and on the test photos")
    st.altair_chart(
        (chart + rules).properties(height=320),
        key="dp_confidence",
        alt="Histogram of the top-1 probabilities",
    )


def _photos(job: Job, kept: pd.DataFrame) -> None:
    st.markdown("**Stored photos**, newest first")
    left, right = st.columns([3, 2])
    chosen = choices.segment(
        "Show", list(FILTERS), start="all", label=FILTERS.__getitem__, key="dp_kept_filter", on=left
    )
    label = choices.one(
        "Class",
        ["", *sorted(kept["prediction"].unique())],
        label=lambda n: n or "All classes",
        key="dp_kept_class",
        on=right,
    )
    part = _matching(kept, chosen, label)
    page = paging.shown(len(part), PAGE_SIZE, key=f"dp_kept_page_{chosen}_{label}")
    shown = part.iloc[page]
    root = capture.folder_of(job.folder)
    thumbnails.make_thumbnails(root, zip(shown["image_id"], shown["file"], strict=True))
    opened = gallery(
        [_tile(row) for row in shown.to_dict("records")], key=f"dp_kept_{job.id}", side=150
    )
    _review_row(job, shown)
    if opened and (match := shown[shown["file"] == opened]).size:
        row = match.iloc[0]
        facts = {
            f"{place}. {entry['label']}": f"{100 * entry['probability']:.1f} %"
            for place, entry in enumerate(row["answer"], 1)
        }
        thumbnails.show_photo(root, row["file"], row["prediction"], facts)


def _matching(kept: pd.DataFrame, chosen: str, label: str) -> pd.DataFrame:
    """Return the requests that match the filters, newest first."""
    if chosen == "low":
        kept = kept[kept["probability"] < LOW]
    elif chosen != "all":
        kept = kept[kept[chosen]]
    if label:
        kept = kept[kept["prediction"] == label]
    return kept.iloc[::-1]


def _tile(row: dict[Any, Any]) -> Photo:
    doubt = ", ".join(flag for flag in ("unsure", "unfamiliar") if row[flag])
    when = pd.to_datetime(row["time"], unit="s", utc=True)
    detail = f"{100 * row['probability']:.0f} % {doubt}".strip()
    tone = ""
    if doubt:
        tone = "wrong"
    return Photo(
        row["file"],
        thumbnails.url(row["image_id"]),
        row["prediction"],
        f"{detail}, {when:%H:%M:%S}",
        tone,
    )


def _review_row(job: Job, shown: pd.DataFrame) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Add these {count(len(shown), 'photo')} to the review queue"
        if len(shown) and st.button(label, key="dp_kept_aside", icon=":material/rate_review:"):
            with messages.report_errors():
                _add_to_review(job, shown)
        if waiting := review.count():
            links.link(
                "batch", f"Review queue ({waiting})", ":material/rate_review:", view="review"
            )


def _add_to_review(job: Job, shown: pd.DataFrame) -> None:
    root, added = capture.folder_of(job.folder), 0
    for row in shown.to_dict("records"):
        try:
            review.add(
                files.safe_join(root, row["file"]),
                shown=f"{row['image_id'][:12]}",
                answer=row["answer"],
                model_id=str(job.spec["model_id"]),
                origin=job.id,
                reason=doubt_of(row) or "from an endpoint",
            )
            added += 1
        except NotFound:
            # Newer photos have replaced it since the page was drawn.
            continue
    st.toast(f"Added {count(added, 'photo')} to the review queue.", icon=":material/rate_review:")
