"""Can the probabilities be believed: reliability, and what a threshold would keep."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from core.evaluation import calibration
from core.evaluation.predictions import Predictions
from core.models import Model
from ui import charts
from ui.text import share


def show(model: Model, predictions: Predictions, split: str) -> None:
    """Reliability diagram and coverage curve of one split; the threshold was chosen on validation."""
    part = predictions.of_split(split)
    temperature = float(model.description.get("temperature") or 1.0)
    before = calibration.expected_calibration_error(calibration.rescaled(part, 1 / temperature))
    after = calibration.expected_calibration_error(part)
    st.caption(
        f"Temperature {temperature:.2f}, fitted on validation (Guo et al. 2017). Expected calibration error on {split}: "
        f"{before:.3f} before, {after:.3f} after; 0 would be perfect."
    )
    left, right = st.columns(2)
    with left:
        _reliability(part, split)
    with right:
        _coverage(model, part, split)


def _reliability(part: Predictions, split: str) -> None:
    table = calibration.reliability(part)
    table = table[table["n"] > 0]
    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": "gray", "width": 1}, name="perfect")
    figure.add_scatter(
        x=table["confidence"],
        y=table["accuracy"],
        mode="lines+markers",
        text=table["n"],
        name=split,
        hovertemplate="%{y:.2f} of %{text} photos",
    )
    figure.update_layout(
        title="Reliability", xaxis_title="stated probability", yaxis_title="share that is right", height=charts.HEIGHT + 60
    )
    st.plotly_chart(figure, key="mo_reliability", config=charts.CONFIG, alt="Share of right answers against the stated probability")


def _coverage(model: Model, part: Predictions, split: str) -> None:
    table = calibration.coverage(part)
    table = table[table["kept"] > 0]
    figure = go.Figure()
    figure.add_scatter(x=table["threshold"], y=table["accuracy"], name="accuracy of the kept")
    figure.add_scatter(x=table["threshold"], y=table["coverage"], name="share kept", line={"dash": "dash"})
    threshold = model.description.get("unsure_threshold")
    if threshold:
        figure.add_vline(x=threshold, line_dash="dot", line_color="gray", annotation_text="unsure below")
    figure.update_layout(title="What a threshold keeps", xaxis_title="threshold on the probability", height=charts.HEIGHT + 60)
    st.plotly_chart(figure, key="mo_coverage", config=charts.CONFIG, alt="Accuracy and share of photos kept against the threshold")
    if threshold:
        kept = calibration.kept(part, float(threshold))
        st.caption(
            f"At {threshold:.2f}, the model's own threshold for `unsure`, it keeps {kept.n} of {len(part)} photos; "
            f"{share(kept.correct, kept.n)} of those are right."
        )
