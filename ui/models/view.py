"""The views of one model: metrics per split, confusion matrix, photos, classes, calibration,
comparison."""

from __future__ import annotations

import streamlit as st

from core.errors import NotFound
from core.evaluation import examples, scores
from core.evaluation.predictions import Predictions
from core.models.store import Model
from ui import choices
from ui.models import about as model_about
from ui.models import calibration as calibration_view
from ui.models import classes as class_view
from ui.models import compare as model_compare
from ui.models import confusions, new_groups
from ui.models import slices as slice_view
from ui.notices import title
from ui.predictions import albums, photo_view
from ui.predictions.photo_wall import predictions_of, wall
from ui.shared import crop_notice
from ui.text import count, plain

VIEWS = (
    "Confusion",
    "Mistakes",
    "Photos",
    "Classes",
    "Slices",
    "Calibration",
    "Compare",
    "About",
)
TOP_1_HELP = (
    "The share of photos whose most probable class is their label, with the 95 % Wilson "
    "confidence interval."
)


def show(model: Model) -> None:
    """Draw everything about one model below its header."""
    albums.begin()
    try:
        predictions: Predictions | None = predictions_of(model)
    except NotFound as error:
        predictions = None
        st.warning(plain(str(error)), icon=":material/warning:")
    crop_notice.warn(model)
    splits = [
        s
        for s in ("test", "validation", "train")
        if predictions is not None and (predictions.split == s).any()
    ]
    if predictions is None or not splits:
        model_about.show(model)
        return
    with st.container(horizontal=True):
        view = choices.view(
            "View",
            VIEWS,
            key="mo_view",
            keep=("model", "mo_split"),
            wrap=True,
            label_visibility="collapsed",
        )
        split = choices.segment(
            "Split",
            splits,
            key="mo_split",
            bind="query-params",
            label_visibility="collapsed",
        )
    title.show(model.name, view, "Models")
    part = predictions.of_split(split)
    if view not in ("Compare", "About"):
        _figures(part, split)
        new_groups.remark(model)
    shows = {
        "Confusion": confusions.show,
        "Mistakes": _mistakes,
        "Photos": _photos,
        "Slices": slice_view.show,
    }
    if view == "About":
        model_about.show(model)
    elif view == "Calibration":
        calibration_view.show(model, predictions, split)
    elif view == "Classes":
        class_view.show(model, part, split)
    elif view == "Compare":
        model_compare.show(model, part, split)
    else:
        shows[view](model, part)
    quoted: list[tuple[str, Predictions]] = [(model.name, predictions)]
    if view == "Compare":
        quoted += model_compare.other_predictions(model)
    photo_view.show(model, quoted)


def _figures(part: Predictions, split: str) -> None:
    summary = scores.summary(part)
    top1 = summary.top1
    low, high = top1.interval_95
    figures = (
        (f"Top-1 on {split}", f"{top1.value:.3f}", f"95 % CI {low:.3f} to {high:.3f}", TOP_1_HELP),
        ("Correct", f"{top1.correct:,}/{top1.n:,}", count(top1.n - top1.correct, "mistake"), None),
        (
            f"Top-{summary.k}",
            f"{summary.top_k.value:.3f}",
            f"{summary.top_k.correct:,} of {count(summary.top_k.n, 'photo')}",
            f"The share of photos whose class is among the {summary.k} most probable ones.",
        ),
        (
            "Macro F1",
            f"{summary.macro_f1:.3f}",
            f"mean over {len(part.classes)} classes",
            "The mean F1 of the classes, each with the same weight.",
        ),
    )
    with st.grid(4, min_column_width=190, gap="small"):
        for label, value, note, words in figures:
            st.metric(
                label,
                value,
                note,
                delta_color="off",
                delta_arrow="off",
                border=True,
                help=words,
            )


def _mistakes(model: Model, part: Predictions) -> None:
    rows = examples.misclassified(part)
    if not len(rows):
        st.success("No mistakes on this split.", icon=":material/check_circle:")
        return
    st.caption(f"{count(len(rows), 'mistake')}, most confident first.")
    wall(model, part, rows, key="mistakes")


def _photos(model: Model, part: Predictions) -> None:
    kinds = {
        "Worst": examples.worst,
        "Most uncertain": examples.most_uncertain,
        "Best": examples.best,
    }
    left, right = st.columns([2, 3])
    label = choices.one(
        "Class",
        ["", *model.classes],
        label=lambda name: name or "All classes",
        key="mo_class",
        bind="query-params",
        on=left,
    )
    kind = choices.segment("Order", list(kinds), key="mo_order", bind="query-params", on=right)
    rows = kinds[kind](part, None, label or None)
    st.caption(
        {
            "Worst": "Lowest probability of the true class first.",
            "Most uncertain": "Most evenly spread probabilities first (entropy).",
            "Best": "Highest probability of the true class first.",
        }[kind]
    )
    wall(model, part, rows, key="photos")
