"""One model on its page: figures per split, the confusion matrix and the photos behind it, the
artifact to take away."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.errors import NotFound
from core.evaluation import confusion, examples, scores
from core.evaluation.predictions import Predictions
from core.io import files
from core.models.store import Model
from ui import choices, links
from ui.models import about as model_about
from ui.models import calibration as calibration_view
from ui.models import classes as class_view
from ui.models import compare as model_compare
from ui.shared import charts, crop_notice, downloads, photo_view
from ui.shared.photo_wall import page, predictions_of, wall
from ui.shell import title
from ui.text import count, plain

VIEWS = ("Confusion", "Mistakes", "Photos", "Classes", "Calibration", "Compare", "About")
ALL, HARDEST = "all", "hardest"


def show(model: Model) -> None:
    """Everything about one model."""
    try:
        predictions: Predictions | None = predictions_of(model)
    except NotFound as error:
        predictions = None
        st.warning(plain(str(error)), icon=":material/warning:")
    _actions(model)
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
        view = choices.view("View", VIEWS, key="mo_view", keep=("model",), wrap=True)
        split = choices.segment("Measured on", splits, key="mo_split", bind="query-params")
    title.show(model.name, view, "Models")
    part = predictions.of_split(split)
    if view not in ("Compare", "About"):
        _figures(part, split)
    shows = {"Confusion": _confusion, "Mistakes": _mistakes, "Photos": _photos}
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
    asked: list[tuple[str, Predictions]] = [(model.name, predictions)]
    if view == "Compare":
        asked += model_compare.asked(model)
    photo_view.show(model, asked)


def _actions(model: Model) -> None:
    with st.container(horizontal=True):
        links.button(
            "Deploy",
            "deploy",
            key="mo_deploy",
            icon=":material/rocket_launch:",
            kind="primary",
            model=model.id,
        )
        links.button(
            "Run over photos", "batch", key="mo_batch", icon=":material/grid_view:", model=model.id
        )
        artifact = model.folder.artifact
        if artifact.exists() or model.job.tuning_id:
            words = "model.tar.gz"
            if artifact.exists():
                words += f" ({files.human_bytes(artifact.stat().st_size)})"
            downloads.link(words, model.id, "model.tar.gz", key="mo_download")
        links.button(
            "Its training job", "train", key="mo_job", icon=":material/show_chart:", job=model.id
        )


def _figures(part: Predictions, split: str) -> None:
    summary = scores.summary(part)
    low, high = summary.top1.interval_95
    with st.grid(4, min_column_width=180, gap="small"):
        st.metric(
            f"Top-1 on {split}",
            f"{summary.top1.value:.3f}",
            border=True,
            help="How many photos got exactly their class.",
        )
        st.metric("Photos", f"{summary.top1.correct}/{summary.top1.n}", border=True)
        st.metric(
            f"Top-5 on {split}",
            f"{summary.top_k.value:.3f}",
            border=True,
            help="How many photos have their class among the five likeliest.",
        )
        st.metric(
            "Macro F1",
            f"{summary.macro_f1:.3f}",
            border=True,
            help="The mean of the classes' F1: every class counts the same.",
        )
    st.caption(
        f"95 % Wilson interval of top-1: {low:.3f} to {high:.3f}, from "
        f"{count(summary.top1.n, 'photo')} of {split}."
    )


def _confusion(model: Model, part: Predictions) -> None:
    order = _classes_shown(model, part)
    names = [model.classes[index] for index in order]
    large = len(names) > charts.LABELLED_CELLS
    clicked = charts.confusion(
        confusion.frame(part, order, zeros=not large),
        names,
        key=f"matrix_{model.id}_{part.split[0]}_{len(names)}",
    )
    if len(names) < len(model.classes):
        st.caption(
            "Mistakes with classes that are not shown here are in no cell, but in the shares."
        )
    if clicked:
        rows = confusion.cell(part, *clicked)
        words = f"{plain(clicked[0])} taken for {plain(clicked[1])}"
        if clicked[0] == clicked[1]:
            words = f"{plain(clicked[0])}, recognised"
        st.markdown(f"**{words}**")
        wall(model, part, rows, key="cell")
    else:
        st.caption("Click a cell to see its photos.")
    pairs = confusion.most_confused(part, 6)
    if pairs:
        st.subheader("Most confused pairs")
    for number, pair in enumerate(pairs):
        _pair(model, part, pair, number)


def _classes_shown(model: Model, part: Predictions) -> Sequence[int]:
    """All classes in their own order; of many, all in an order that shows groups, or the
    hardest, whose names can be read."""
    few = charts.LABELLED_CELLS
    if len(model.classes) <= few:
        return range(len(model.classes))
    names = {ALL: f"All {len(model.classes)}", HARDEST: f"The {few} with the most mistakes"}
    shown = choices.segment(
        "Classes", list(names), label=names.__getitem__, key="mo_matrix", bind="query-params"
    )
    if shown == HARDEST:
        return list(confusion.hardest_classes(part, few))
    return list(confusion.grouped_order(confusion.counts(part)))


def _pair(model: Model, part: Predictions, pair: confusion.ConfusedPair, number: int) -> None:
    with st.expander(
        f"{plain(pair.first)} and {plain(pair.second)}: {count(pair.total, 'mistake')}",
        expanded=number == 0,
    ):
        left, right = st.columns(2)
        with left:
            st.caption(
                f"{plain(pair.first)}, taken for {plain(pair.second)}: {len(pair.first_as_second)}"
            )
            wall(model, part, pair.first_as_second[:6], key=f"pair_a{number}")
        with right:
            st.caption(
                f"{plain(pair.second)}, taken for {plain(pair.first)}: {len(pair.second_as_first)}"
            )
            wall(model, part, pair.second_as_first[:6], key=f"pair_b{number}")


def _mistakes(model: Model, part: Predictions) -> None:
    rows = examples.misclassified(part)
    if not len(rows):
        st.success("Not one mistake on this split.", icon=":material/check_circle:")
        return
    st.caption(f"{count(len(rows), 'mistake')}, the most confident first.")
    wall(model, part, page(rows, "mistakes"), key="mistakes")


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
            "Worst": "The true class got the least",
            "Most uncertain": "The answer is spread widest",
            "Best": "The true class got the most",
        }[kind]
    )
    wall(model, part, page(rows, "photos"), key="photos")
