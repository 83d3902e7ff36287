"""Coverage of a model: how many photos a threshold on the probability keeps, the accuracy on
those, and the unsure photos below it."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.evaluation import calibration
from core.evaluation.predictions import Predictions
from core.models.store import Model
from ui.predictions.photo_wall import wall
from ui.shared import charts
from ui.text import count, share

TARGETS = (0.9, 0.95, 0.98, 0.99)


def show(model: Model, predictions: Predictions, split: str) -> float:
    """Draw the curve of one split and the threshold slider; return the threshold, which starts at
    the model's own."""
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
        help="Starts at the model's own threshold. Moving it changes only this view.",
    )
    # A slider has two digits, the model's own threshold has more.
    if threshold == round(own, 2):
        threshold = own
    with place:
        _curve(part, split, threshold)
    kept, known = calibration.kept(part, threshold), int(part.known.sum())
    which = f"{threshold:.2f}"
    if threshold == own:
        which += " (this model's setting)"
    st.caption(
        f"At {which} it answers {kept.n:,} of {count(known, f'{split} photo')} and gets "
        f"{share(kept.correct, kept.n)} right."
    )
    _targets(predictions, part, split)
    return threshold


def unsure_photos(model: Model, part: Predictions, threshold: float) -> None:
    """Draw the photos below the threshold, lowest probability first."""
    rows = part.ranked(np.flatnonzero(part.confidence < threshold), part.confidence)
    with st.expander(
        f"{count(len(rows), 'unsure photo')} (probability below {threshold:.2f})",
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
        ("accuracy of the kept", "accuracy", ("correct", "kept"), colour, "solid"),
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
    charts.style(figure, "Coverage and accuracy by threshold", charts.HEIGHT + 40)
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
    """Draw a table of the thresholds that validation gives for usual accuracy targets, and their
    effect on this split."""
    validation, known = predictions.of_split("validation"), int(part.known.sum())
    rows = []
    for target in TARGETS:
        if chosen := calibration.threshold_for(validation, target):
            kept = calibration.kept(part, chosen.value)
            rows.append(
                {
                    "Target accuracy": f"{target:.2f}",
                    "Threshold": f"{chosen.value:.2f}",
                    "Accuracy, validation": share(chosen.kept.correct, chosen.kept.n),
                    f"Coverage, {split}": share(kept.n, known),
                    f"Accuracy, {split}": share(kept.correct, kept.n),
                }
            )
    if rows:
        with st.expander(
            "Thresholds for other accuracy targets, fitted on validation", icon=":material/tune:"
        ):
            st.dataframe(
                rows,
                hide_index=True,
                alt="The threshold for each accuracy target, with coverage and accuracy",
            )
