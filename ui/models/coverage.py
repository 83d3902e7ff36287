"""What a threshold on the probability keeps of the photos, how right the model is on those, and
which it is unsure of."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.evaluation import calibration
from core.evaluation.predictions import Predictions
from core.models.store import Model
from ui.shared import charts
from ui.shared.photo_wall import wall
from ui.text import count, share

TARGETS = (0.9, 0.95, 0.98, 0.99)


def show(model: Model, predictions: Predictions, split: str) -> float:
    """The curve of one split and the threshold to look at, which is returned: the model's own
    until it is moved."""
    part = predictions.of_split(split)
    own = float(model.description.get("unsure_threshold") or 0.0)
    place = st.container()
    threshold = st.slider(
        "Threshold for `unsure`",
        0.0,
        1.0,
        round(own, 2),
        0.01,
        key=f"mo_threshold_{model.id}",
        help="The model's own until you move it.",
    )
    # A slider has two digits, the model's own threshold has more.
    if threshold == round(own, 2):
        threshold = own
    with place:
        _curve(part, split, threshold)
    kept, known = calibration.kept(part, threshold), int(part.known.sum())
    which = f"{threshold:.2f}"
    if threshold == own:
        which += ", the model's own"
    st.caption(
        f"At {which}, it answers for {share(kept.n, known)} of {split} and is right in "
        f"{share(kept.correct, kept.n)}."
    )
    _targets(predictions, part, split)
    return threshold


def unsure_photos(model: Model, part: Predictions, threshold: float) -> None:
    """The photos below the threshold, the least certain first."""
    rows = part.ranked(np.flatnonzero(part.confidence < threshold), part.confidence)
    with st.expander(
        f"The {count(len(rows), 'photo')} it is unsure of at {threshold:.2f}",
        icon=":material/help:",
    ):
        wall(model, part, rows, key="unsure")


def _curve(part: Predictions, split: str, threshold: float) -> None:
    table = calibration.coverage(part)
    table = table[table["kept"] > 0]
    colour = charts.SPLIT_COLOURS[split]
    figure = go.Figure()
    band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(x=table["threshold"], y=table["accuracy_high"], **band)
    figure.add_scatter(
        x=table["threshold"],
        y=table["accuracy_low"],
        fill="tonexty",
        fillcolor=charts.faint(colour),
        **band,
    )
    curves = (
        ("right among the kept", "accuracy", ("correct", "kept"), colour, "solid"),
        ("kept", "coverage", ("kept", "n"), charts.PALETTE[2], "dash"),
    )
    for name, column, parts, shade, dash in curves:
        figure.add_scatter(
            x=table["threshold"],
            y=table[column],
            name=name,
            line={"color": shade, "width": 2, "dash": dash},
            customdata=table[list(parts)].to_numpy(),
            hovertemplate="%{customdata[0]}/%{customdata[1]} = %{y:.3f}",
        )
    figure.add_vline(
        x=threshold,
        line_width=1,
        line_dash="dash",
        line_color="gray",
        annotation_text="unsure below",
        annotation_position="bottom left",
    )
    charts.style(figure, "What a threshold keeps", charts.HEIGHT + 40)
    figure.update_layout(hovermode="x unified")
    figure.update_xaxes(title_text="threshold on the probability", range=[0, 1])
    figure.update_yaxes(title_text=f"share of {split}", range=[-0.03, 1.03])
    st.plotly_chart(
        figure,
        key=f"mo_coverage_{split}",
        config=charts.CONFIG,
        alt="Accuracy and share of photos kept against the threshold",
    )


def _targets(predictions: Predictions, part: Predictions, split: str) -> None:
    """What thresholds that validation chooses for usual targets do on the split looked at."""
    validation, known = predictions.of_split("validation"), int(part.known.sum())
    rows = []
    for target in TARGETS:
        if chosen := calibration.threshold_for(validation, target):
            kept = calibration.kept(part, chosen.value)
            rows.append(
                {
                    "right wanted": f"{target:.2f}",
                    "threshold": f"{chosen.value:.2f}",
                    "right, validation": share(chosen.kept.correct, chosen.kept.n),
                    f"answers for, {split}": share(kept.n, known),
                    f"right, {split}": share(kept.correct, kept.n),
                }
            )
    if rows:
        with st.expander(
            "Thresholds for other targets, chosen on validation", icon=":material/tune:"
        ):
            st.dataframe(
                rows,
                hide_index=True,
                alt="The threshold that validation chooses for each target, and what it does",
            )
