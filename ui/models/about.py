"""The About view of a model: its data, architecture, settings, metrics and model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.errors import NotFound
from core.models import card as model_card
from core.models.store import Model
from ui.text import count, duration, share


def show(model: Model) -> None:
    """Draw lineage, settings, stored metrics and the model card."""
    about = model.description
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Facts**")
        st.dataframe(_facts(about), hide_index=True, alt="Facts about the model")
    with right:
        st.markdown("**Metrics stored by the training job**")
        st.dataframe(_metrics(model), hide_index=True, alt="Metrics per split")
    with st.expander("Hyperparameters"):
        st.dataframe(
            [
                {"Name": name, "Value": value}
                for name, value in sorted(about.get("hyperparameters", {}).items())
            ],
            hide_index=True,
            alt="Hyperparameters",
        )
    _card(model)


def _facts(about: Mapping[str, Any]) -> list[dict[str, str]]:
    seconds = about.get("seconds", {})
    facts = {
        "Architecture": about.get("arch", ""),
        "Backbones": ", ".join(
            f"{b['arch']} at {b['image_size']} px" for b in about.get("backbones", [])
        ),
        "Mode": about.get("mode", ""),
        "Parameters": f"{about['parameters']:,}" if "parameters" in about else "",
        "Classes": str(len(about["classes"])),
        "Kept epoch": str(about.get("best_epoch", "")),
        "Training time": duration(seconds.get("total")),
        "Feature extraction": duration(seconds.get("features")),
    }
    return [{"Fact": name, "Value": value} for name, value in facts.items() if value]


def _metrics(model: Model) -> list[dict[str, str]]:
    rows = []
    for split in ("train", "validation", "test"):
        if figures := model.metrics(split):
            rows.append(
                {
                    "Split": split,
                    "Top-1": share(int(figures["correct"]), int(figures["n"])),
                    "Top-5": f"{figures['top5']:.3f}",
                    "Macro F1": f"{figures['macro_f1']:.3f}",
                    "Loss": f"{figures['loss']:.3f}",
                }
            )
    return rows


def _card(model: Model) -> None:
    try:
        predictions = model.predictions()
    except NotFound:
        return
    st.markdown(
        f"**Model card**: intended use, evaluation on {count(len(predictions), 'photo')}, and "
        "limits."
    )
    with st.container(horizontal=True):
        markdown = model_card.markdown(model.description, predictions)
        page = model_card.html(model.description, predictions)
        st.download_button(
            "Download as Markdown",
            markdown,
            f"{model.id}.md",
            "text/markdown",
            key="mo_card_md",
            icon=":material/download:",
        )
        st.download_button(
            "Download as HTML",
            page,
            f"{model.id}.html",
            "text/html",
            key="mo_card_html",
            icon=":material/download:",
        )
