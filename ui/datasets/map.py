"""The map of a dataset: similar photos lie close together; a lasso selects the photos inside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from core import settings
from core.datasets import store
from core.datasets.inspection import projection
from core.datasets.inspection.projection import inside
from core.datasets.inspection.store import Inspection
from core.datasets.store import Dataset, Version
from core.errors import NotFound
from core.models import store as models
from core.models.store import Model
from ui import choices, links, paging
from ui.components import map as map_chart
from ui.components.map import SIZE, Points
from ui.datasets import inspection as inspecting
from ui.datasets.photos import photo_viewer, selection
from ui.models import list as model_list
from ui.predictions.photo_wall import predictions_of
from ui.shared import charts, thumbnails, viewer
from ui.text import count, plain

DRAWN = 20_000
PAGE_SIZE = 48
LASSO, JUDGE = "lasso", "judge"
JUDGED = ("Right or wrong", "Confidence")
COLOURS = ("Label", "Split", "Right or wrong", "Confidence")
STEPS = (
    "#A23E48",
    "#C4552D",
    "#D08A3C",
    "#B9A23A",
    "#8FA64B",
    "#5F9E63",
    "#3B8F77",
    "#2C7F8C",
    "#2F6690",
    "#3A4F8C",
)


def show(dataset: Dataset, version: Version) -> None:
    """Draw the map of the version's inspection, or of its nearest ancestor's."""
    found = inspecting.current(dataset, version)
    if found is None:
        return
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    colour = choices.segment("Colour by", COLOURS, key="ds_colour", bind="query-params", on=left)
    with right:
        method = _method(dataset, version, found)
    table = _table(str(found.folder), method, version.id, found, version)
    model = None
    if colour in JUDGED:
        model = _judge(dataset)
    if model:
        table = _judged_by(model, table)
    lasso = _lasso()
    asked = map_chart.show(
        _points(table, colour),
        lasso,
        key=f"ds_map_{version.id}_{method}",
        url=thumbnails.url(""),
        alt=f"Map of {count(len(table), 'photo')}",
    )
    if asked.lasso:
        links.set_parameters(
            **{LASSO: ";".join(f"{x},{y}" for x, y in asked.lasso), "ds_map_page": ""}
        )
        st.rerun()
    if asked.opened:
        viewer.open_photo(str(table.loc[table["image_id"] == asked.opened, "path"].iloc[0]))
    words = (
        f"{_explained(colour, model)} Draw around points to see their photos. Scroll to zoom, "
        "Shift-drag to pan."
    )
    if len(table) > DRAWN:
        words += f" {DRAWN:,} of {len(table):,} photos are drawn; a lasso selects from all."
    st.caption(words, help=map_chart.KEYS)
    _gallery(dataset, version, table, lasso)


def _method(dataset: Dataset, version: Version, found: Inspection) -> str:
    """Draw the choice of a layout, or the button that adds one; return the layout to draw."""
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom"):
        if len(found.maps) > 1:
            return choices.segment(
                "Layout",
                found.maps,
                label=projection.TITLES.__getitem__,
                key="ds_layout",
                bind="query-params",
            )
        inspecting.button(dataset, version, "Add a t-SNE layout", maps=projection.METHODS)
    return found.maps[0]


@st.cache_data(max_entries=4, show_spinner=False)
def _table(
    folder: str, method: str, version_id: str, _found: Inspection, _version: Version
) -> pd.DataFrame:
    """Return one row per photo of the version with its current label, and x and y from 0 to
    SIZE."""
    table = _found.points(
        ["path", "image_id", "predicted", "confidence", f"{method}_x", f"{method}_y"]
    )
    now = store.manifest_of(
        _version, columns=["path", "label", "split", "problem"], filters=[("problem", "==", "")]
    )
    table = table.merge(now, on="path")
    for axis in "xy":
        values = table.pop(f"{method}_{axis}")
        span = max(float(values.max() - values.min()), 1e-9)
        table[axis] = (
            ((values - values.min()) / span * 0.94 * SIZE + 0.03 * SIZE).round().astype(int)
        )
    return table


def _points(table: pd.DataFrame, by: str) -> Points:
    if len(table) > DRAWN:
        table = table.sample(DRAWN, random_state=0)
    colour, palette, names = _coloured(table, by)
    said = [
        f"{label}, {split}" for label, split in zip(table["label"], table["split"], strict=True)
    ]
    return Points(
        table["x"].to_numpy(),
        table["y"].to_numpy(),
        colour,
        table["image_id"].tolist(),
        said,
        palette,
        names,
    )


def _coloured(
    table: pd.DataFrame, by: str
) -> tuple[npt.NDArray[np.integer], Sequence[str], Sequence[str]]:
    """Return a colour number per photo, the colours, and the meaning of each."""
    if by == "Split":
        number = (
            table["split"]
            .map({name: place for place, name in enumerate(settings.SPLITS)})
            .to_numpy(dtype=np.int64)
        )
        return (
            number,
            [charts.SPLIT_COLOURS[name] for name in settings.SPLITS],
            [name.capitalize() for name in settings.SPLITS],
        )
    if by == "Right or wrong":
        right = (table["predicted"] == table["label"]).to_numpy().astype(np.int64)
        number = np.where(table["predicted"] == "", 2, right)
        return (
            number,
            [charts.PALETTE[1], charts.PALETTE[0], charts.SPLIT_COLOURS["unused"]],
            ["Wrong", "Right", "No prediction"],
        )
    if by == "Confidence":
        sure = table["confidence"].to_numpy(dtype=float)
        place = np.clip(np.nan_to_num(sure) * len(STEPS), 0, len(STEPS) - 1).astype(np.int64)
        words = [
            f"{step / len(STEPS):.0%} to {(step + 1) / len(STEPS):.0%}"
            for step in range(len(STEPS))
        ]
        return (
            np.where(np.isfinite(sure), place, len(STEPS)),
            [*STEPS, charts.SPLIT_COLOURS["unused"]],
            [*words, "No prediction"],
        )
    number, names = pd.factorize(table["label"], sort=True)
    return number.astype(np.int64), class_colours(len(names)), [str(name) for name in names]


def class_colours(classes: int) -> list[str]:
    """Return colours for many classes; neighbours in the list differ by the golden angle in hue,
    with three lightnesses."""
    return [
        f"hsl({place * 137.508 % 360:.0f} {(58, 48, 66)[place % 3]}% {(46, 60, 36)[place % 3]}%)"
        for place in range(classes)
    ]


INSPECTION = "The inspection: models trained without the photo"


def _judge(dataset: Dataset) -> Model | None:
    """Draw the choice whose predictions colour the points; return a model, or None for the
    inspection's own classifiers."""
    asked = links.parameter(JUDGE)
    known = {model.id: model for model in models.listing(asked) if model.dataset_id == dataset.id}
    if not known:
        return None
    chosen = choices.thing(
        "Predictions of",
        ["", *known],
        what="model",
        parameter=JUDGE,
        label=lambda i: model_list.in_a_line(known[i]) if i else INSPECTION,
        key=f"ds_judge_{dataset.id}",
        help="A model has predictions for the photos of its own dataset version; others are grey.",
    )
    return known.get(chosen or "")


def _judged_by(model: Model, table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the model's prediction for each photo, '' when there is none."""
    try:
        given = predictions_of(model)
    except NotFound as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        return table
    said = pd.DataFrame(
        {
            "image_id": given.image_id,
            "predicted": given.names(given.predicted),
            "confidence": given.confidence,
        }
    )
    answers = table[["image_id"]].merge(said.drop_duplicates("image_id"), how="left", on="image_id")
    return table.assign(
        predicted=answers["predicted"].fillna("").to_numpy(),
        confidence=answers["confidence"].to_numpy(),
    )


def _explained(by: str, model: Model | None) -> str:
    source = "models trained without the photo"
    if model:
        source = f"{plain(model.name)}, its training photos included"
    return {
        "Right or wrong": f"Predictions of {source}.",
        "Confidence": f"Confidence of the predictions of {source}.",
    }.get(by, "")


def _lasso() -> list[tuple[int, int]]:
    """Return the corners of the lasso in the address; anything else there counts as none."""
    try:
        corners = [
            tuple(map(int, corner.split(",")))
            for corner in links.parameter(LASSO).split(";")
            if corner
        ]
    except ValueError:
        return []
    return [(corner[0], corner[1]) for corner in corners if len(corner) == 2]


def _gallery(
    dataset: Dataset, version: Version, table: pd.DataFrame, lasso: list[tuple[int, int]]
) -> None:
    if len(lasso) < 3:
        album = photo_viewer.album_of_rows(dataset, version, table["path"].tolist())
        photo_viewer.show(dataset, version, album)
        return
    chosen = table[inside(table[["x", "y"]].to_numpy(), np.array(lasso))]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{count(len(chosen), 'photo')} inside**: {_mix(chosen)}", width="content")
        if st.button("Clear selection", key="ds_map_forget", icon=":material/close:"):
            links.set_parameters(**{LASSO: ""})
            st.rerun()
    if chosen.empty:
        return
    part = paging.shown(len(chosen), PAGE_SIZE, key="ds_map_page", bind="query-params")
    selection.wall(
        dataset,
        version,
        chosen.iloc[part],
        key="ds_map_wall",
        why="chosen on the map",
        order=chosen["path"].tolist(),
    )


def _mix(chosen: pd.DataFrame) -> str:
    counts = chosen["label"].value_counts()
    listed = ", ".join(f"{plain(str(name))} {number:,}" for name, number in counts.head(5).items())
    if len(counts) > 5:
        return f"{listed} and {len(counts) - 5} more classes"
    return listed
