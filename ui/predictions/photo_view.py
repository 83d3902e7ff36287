"""One photo in the viewer as a model sees it: every probability, where the model looks, and the
most similar training photos.

`evidence` and `similar` also serve photos that were never in a dataset: they take any file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.datasets import store
from core.datasets.store import Dataset
from core.errors import NotFound
from core.evaluation.predictions import Predictions
from core.models import explain
from core.models.similar import Similar
from core.models.store import Model
from ui.components.gallery import gallery
from ui.components.viewer import Slide
from ui.predictions import albums
from ui.shared import charts, photo_route, thumbnails, viewer
from ui.text import chart_text, count, percent, plain

BARS = 12
ENDINGS = {1: "st", 2: "nd", 3: "rd"}


@dataclass(frozen=True)
class Answer:
    """One model's answer for the photo: row `row` of its predictions. `title` names the model
    when several are quoted."""

    title: str
    predictions: Predictions
    row: int


@dataclass(frozen=True)
class Subject:
    """The photo in the viewer. `label` is '' if its class is unknown; `answers` is empty if no
    model has predicted it."""

    image_id: str
    path: str
    label: str
    split: str
    answers: tuple[Answer, ...]


def slide(root: Path, path: str, image_id: str, title: str) -> Slide:
    """Return a photo of a dataset for the viewer."""
    address = photo_route.address(root, path, image_id)
    return Slide(image_id, address, title or "Photo", thumbnails.url(image_id))


def show(model: Model, asked: Sequence[tuple[str, Predictions]]) -> None:
    """Draw the viewer when the address names a photo. `asked`: the predictions to quote, each
    with the name of its model, those of `model` first."""
    image_id = viewer.current()
    if not image_id:
        return
    if _subject(model, image_id, asked) is None:
        viewer.close()
        st.warning(
            f"The photo {plain(image_id[:16])} is not in this model's dataset.",
            icon=":material/warning:",
        )
        return
    dataset = store.dataset(model.dataset_id)

    def alone(photo: str) -> Slide | None:
        if (found := _subject(model, photo, asked)) is None:
            return None
        return slide(dataset.root, found.path, photo, found.label)

    def details(photo: str) -> None:
        if subject := _subject(model, photo, asked):
            _words(subject)

    def below(photo: str) -> None:
        if subject := _subject(model, photo, asked):
            _below(model, dataset, subject)

    albums.show(details, below=below, alone=alone)


def _below(model: Model, dataset: Dataset, subject: Subject) -> None:
    path = store.image_path(dataset, subject.path)
    if subject.answers:
        st.markdown("**Where the model looks**")
        evidence(
            model,
            path,
            subject.image_id,
            _labels(subject.answers[0]),
            key=f"mo_evidence_{subject.image_id}",
        )
    st.markdown("**Most similar training photos**")
    similar(
        model,
        lambda: explain.similar(model, path, leave_out=subject.path),
        key=f"{model.id}_{subject.image_id}",
        on_open=viewer.go,
    )


def _subject(
    model: Model, image_id: str, asked: Sequence[tuple[str, Predictions]]
) -> Subject | None:
    answers = tuple(
        Answer(title, given, row)
        for title, given in asked
        if (row := _row(given, image_id)) is not None
    )
    if answers:
        given, row = answers[0].predictions, answers[0].row
        return Subject(
            image_id,
            str(given.path[row]),
            str(given.names(given.label[row])),
            str(given.split[row]),
            answers,
        )
    version = store.version(model.dataset_id, model.version_id)
    rows = store.manifest_of(version, ["path", "label", "split"], [("image_id", "==", image_id)])
    if rows.empty:
        return None
    path, label, split = (str(value) for value in rows.iloc[0])
    return Subject(image_id, path, label, split, ())


def _row(predictions: Predictions, image_id: str) -> int | None:
    """Return the photo's row; of several with the same bytes, one outside the train split."""
    rows = np.flatnonzero(predictions.image_id == image_id)
    if len(rows):
        return int(min(rows, key=lambda row: predictions.split[row] == "train"))
    return None


def _words(subject: Subject) -> None:
    st.markdown(f"### {plain(subject.label or 'No label')}")
    st.caption(f"{plain(subject.path)} · {subject.split} split")
    if not subject.answers:
        st.caption("The model has no stored prediction for this photo.")
    bars = BARS // max(1, len(subject.answers))
    for answer in subject.answers:
        if len(subject.answers) > 1:
            st.markdown(f"**{plain(answer.title)}**")
        _verdict(answer)
        probabilities(
            answer.predictions.answers(answer.row),
            subject.label,
            key=f"{answer.title}_{subject.image_id}",
            bars=bars,
        )


def _verdict(answer: Answer) -> None:
    given, row = answer.predictions, answer.row
    name, share = plain(str(given.names(given.predicted[row]))), percent(given.confidence[row], 1)
    if not given.known[row]:
        st.markdown(f"Prediction: **{name}** ({share}). The photo has no label.")
    elif given.correct[row]:
        st.markdown(f":green-badge[:material/check: right] **{name}** ({share})")
    else:
        place, of = int(given.rank[row]), len(given.classes)
        st.markdown(
            f":red-badge[:material/close: wrong] **{name}** ({share}). The true class ranks "
            f"{_ordinal(place)} of {of} ({percent(given.true_probability[row], 1)})."
        )


def _ordinal(number: int) -> str:
    if 10 <= number % 100 <= 20:
        return f"{number}th"
    return f"{number}{ENDINGS.get(number % 10, 'th')}"


def probabilities(answers: pd.DataFrame, true: str, *, key: str, bars: int = BARS) -> None:
    """Draw the most probable classes as bars and all of them in a table. `answers`: label and
    probability, most probable first."""
    shown = answers.head(bars)
    colours = [_colour(rank, label, true) for rank, label in enumerate(shown["label"])]
    figure = go.Figure(
        go.Bar(
            y=[chart_text(_short(label)) for label in shown["label"]],
            x=shown["probability"],
            orientation="h",
            marker_color=colours,
            text=[percent(share, 1) for share in shown["probability"]],
            textposition="outside",
            cliponaxis=False,
            customdata=[chart_text(label) for label in shown["label"]],
            hovertemplate="%{customdata}: %{x:.4f}<extra></extra>",
        )
    )
    figure.update_layout(
        height=20 + 24 * len(shown),
        margin={"l": 10, "r": 10, "t": 4, "b": 4},
        xaxis={"range": [0, 1.18], "visible": False, "fixedrange": True},
        yaxis={"autorange": "reversed", "automargin": True, "fixedrange": True, "type": "category"},
        bargap=0.3,
    )
    st.plotly_chart(
        figure,
        key=f"mo_bars_{key}",
        config={**charts.CONFIG, "displayModeBar": False},
        alt="Probabilities, highest first",
    )
    if len(answers) > len(shown):
        rest = answers["probability"].iloc[len(shown) :].sum()
        with st.expander(
            f"The other {count(len(answers) - len(shown), 'class', 'classes')}: {percent(rest, 1)}"
        ):
            bar = st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0)
            st.dataframe(
                answers,
                hide_index=True,
                height=280,
                column_config={"probability": bar},
                alt="The probability of every class",
            )


def _colour(rank: int, label: str, true: str) -> str:
    if label == true:
        return charts.RIGHT
    if rank == 0 and true:
        return charts.WRONG
    return charts.OTHER


def _short(label: str, length: int = 26) -> str:
    if len(label) <= length:
        return label
    return f"{label[: length - 1]}…"


def _labels(answer: Answer) -> dict[str, str]:
    """Return the classes whose evidence is shown, each with its role: the predicted class, and the
    true one if it differs."""
    given, row = answer.predictions, answer.row
    predicted, true = str(given.names(given.predicted[row])), str(given.names(given.label[row]))
    if predicted == true or not true:
        return {predicted: "predicted"}
    return {predicted: "predicted", true: "true"}


def evidence(model: Model, image: Path, image_id: str, labels: dict[str, str], *, key: str) -> None:
    """Draw where in the photo the model finds evidence for each of `labels` (class to role, such as
    "predicted"): a Grad-CAM, computed on a click and cached."""
    kept = explain.kept_maps(model, image_id, list(labels))
    if not all(path.is_file() for path in kept.values()):
        place = st.empty()
        if not place.button(
            "Show Grad-CAM",
            key=key,
            icon=":material/center_focus_strong:",
            help="Takes a second or two.",
        ):
            return
        with place, st.spinner("Computing the Grad-CAM"):
            kept = explain.saliency_maps(model, image, list(labels))
        place.empty()
    for column, (label, role) in zip(st.columns(max(2, len(labels))), labels.items(), strict=False):
        with column:
            st.image(
                kept[label],
                width="stretch",
                alt=f"The photo with the evidence for {label} in colour",
            )
            st.caption(f"Evidence for **{plain(label)}** ({role})")
    scale = ""
    if len(labels) > 1:
        scale = "Both maps use the same scale. "
    st.caption(
        f"Bright areas are evidence for the class (Grad-CAM). {scale}The grey margin is cropped "
        "off before prediction."
    )


def similar(
    model: Model, find: Callable[[], Similar], *, key: str, on_open: Callable[[str], None]
) -> None:
    """Draw the most similar training photos. `find` searches them; `on_open` gets the image_id of
    a clicked one."""
    try:
        with st.spinner("Searching the training photos"):
            found = find()
    except NotFound as error:
        st.caption(plain(str(error)))
        return
    details = [f"similarity {value:.3f}" for value in found.photos["similarity"]]
    tiles = thumbnails.tiles(store.dataset(model.dataset_id).root, found.photos, details)
    if opened := gallery(tiles, key=f"mo_similar_{key}", side=130):
        on_open(opened)
    st.caption(
        f"Out of {count(found.n, 'training photo')}, by cosine similarity of the model's features."
    )
