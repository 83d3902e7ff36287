"""What a model is made of: its data, architecture, settings and figures, and its card to take
away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.errors import NotFound
from core.models import card as model_card
from core.models.store import Model
from ui import links
from ui.text import count, duration, share


def show(model: Model) -> None:
    """Lineage, settings, figures as stored, and the model card."""
    about = model.description
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Made from**")
        links.link(
            "datasets",
            "The dataset version it learned from",
            ":material/photo_library:",
            dataset=model.dataset_id,
            version=model.version_id,
        )
        st.dataframe(_facts(about), hide_index=True, alt="Facts about the model")
    with right:
        st.markdown("**Figures as the training job counted them**")
        st.dataframe(_metrics(model), hide_index=True, alt="Metrics per split")
    with st.expander("Hyperparameters"):
        st.dataframe(
            [
                {"name": name, "value": value}
                for name, value in sorted(about.get("hyperparameters", {}).items())
            ],
            hide_index=True,
            alt="Hyperparameters",
        )
    _card(model)


def _facts(about: Mapping[str, Any]) -> list[dict[str, str]]:
    seconds = about.get("seconds", {})
    facts = {
        "architecture": about.get("arch", ""),
        "backbones": ", ".join(
            f"{b['arch']} at {b['image_size']} px" for b in about.get("backbones", [])
        ),
        "mode": about.get("mode", ""),
        "parameters": f"{about['parameters']:,}" if "parameters" in about else "",
        "classes": str(len(about["classes"])),
        "kept epoch": str(about.get("best_epoch", "")),
        "made in": duration(seconds.get("total")),
        "of that, features": duration(seconds.get("features")),
    }
    return [{"what": name, "value": value} for name, value in facts.items() if value]


def _metrics(model: Model) -> list[dict[str, str]]:
    rows = []
    for split in ("train", "validation", "test"):
        if figures := model.metrics(split):
            rows.append(
                {
                    "split": split,
                    "top-1": share(int(figures["correct"]), int(figures["n"])),
                    "top-5": f"{figures['top5']:.3f}",
                    "macro F1": f"{figures['macro_f1']:.3f}",
                    "loss": f"{figures['loss']:.3f}",
                }
            )
    return rows


def _card(model: Model) -> None:
    try:
        predictions = model.predictions()
    except NotFound:
        return
    st.markdown(
        f"**Model card**: what it is, how it was measured on {count(len(predictions), 'photo')}, "
        "and its limits."
    )
    with st.container(horizontal=True):
        markdown = model_card.markdown(model.description, predictions)
        page = model_card.html(model.description, predictions)
        st.download_button(
            "As Markdown",
            markdown,
            f"{model.id}.md",
            "text/markdown",
            key="mo_card_md",
            icon=":material/download:",
        )
        st.download_button(
            "As a web page",
            page,
            f"{model.id}.html",
            "text/html",
            key="mo_card_html",
            icon=":material/download:",
        )
