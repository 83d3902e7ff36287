"""The models as a table: newest first, each with what was measured on which split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.models.store import Model
from ui import choices, links
from ui.text import age, duration, share


def show(found: Sequence[Model]) -> None:
    """The table; a click on a row opens the model."""
    if not found:
        st.info(
            "There is no model yet. A finished training job leaves one here.",
            icon=":material/model_training:",
        )
        links.button(
            "Train a model",
            "train",
            key="models_train",
            icon=":material/model_training:",
            kind="primary",
        )
        return
    st.caption(
        "Click the box before a row to open its model. Accuracy is top-1, counted over photos."
    )
    event = st.dataframe(
        pd.DataFrame([_row(model) for model in found]),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="models_table",
        alt="Models with their accuracy",
    )
    rows = event["selection"]["rows"]
    if rows:
        links.to("models", model=found[rows[0]].id)


def in_a_line(model: Model) -> str:
    """A model in one line of a select box: its name and what it reached."""
    split = next((s for s in ("test", "validation") if model.metrics(s)), "")
    if split:
        return f"{model.name} ({split} {_accuracy(model, split)})"
    return model.name


def choose(
    models: Mapping[str, Model],
    *,
    key: str,
    title: str = "Model",
    on: Any = st,
) -> str | None:
    """The id of one of the models, the one in the address first: see choices.thing."""
    asked = links.parameter("model")
    return choices.thing(
        title,
        list(models),
        what="model",
        key=f"{key}_{asked}",
        label=lambda i: in_a_line(models[i]),
        wanted=asked,
        on=on,
    )


def _row(model: Model) -> dict[str, object]:
    about = model.description
    return {
        "name": model.name,
        "test": _accuracy(model, "test"),
        "validation": _accuracy(model, "validation"),
        "classes": len(model.classes),
        "architecture": about.get("arch", ""),
        "mode": about.get("mode", ""),
        "trained in": duration(about.get("seconds", {}).get("total")),
        "made": age(model.job.status.ended),
    }


def _accuracy(model: Model, split: str) -> str:
    figures = model.metrics(split)
    if figures:
        return share(int(figures["correct"]), int(figures["n"]))
    return "not measured"
