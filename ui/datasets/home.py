"""All datasets as cards: four photos, how large each is, its versions and its latest model."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.datasets import store
from core.datasets.browse import Query
from core.datasets.store import Dataset, Version
from core.errors import FieldmarkError
from core.models import store as models
from core.models.store import Model
from ui import links, paging
from ui.components.gallery import Photo
from ui.components.mosaic import mosaic
from ui.notices import missing
from ui.shared import thumbnails
from ui.text import count, plain, share

PAGE_SIZE = 24
PHOTOS = 4
CARD_PIXELS = 250


def show(datasets: Mapping[str, Dataset], wanted: str) -> None:
    """Draw the cards, the newest dataset first; `wanted` is the id of one that is not there, or
    ''."""
    if wanted:
        missing.note("dataset", wanted)
    pages = paging.shown(len(datasets), PAGE_SIZE, key="ds_home_page", bind="query-params")
    part = list(datasets.values())[pages]
    latest: dict[str, Model] = {}
    for model in models.listing():
        latest.setdefault(model.dataset_id, model)
    with st.grid(min_column_width=CARD_PIXELS, gap="medium"):
        for dataset in part:
            with st.container(border=True, key=f"ds_card_{dataset.id}", height="stretch"):
                _card(dataset, latest.get(dataset.id))


def _card(dataset: Dataset, model: Model | None) -> None:
    versions = [item for item in store.versions(dataset.id) if isinstance(item, Version)]
    if not versions:
        st.markdown(f"**{plain(dataset.name)}**")
        st.caption("No version of this dataset can be read.")
        return
    version = versions[0]
    if mosaic(
        _photos(dataset, version), title=f"Open {dataset.name}", key=f"ds_mosaic_{dataset.id}"
    ):
        links.to("datasets", dataset=dataset.id)
    links.link("datasets", f"**{plain(dataset.name)}**", dataset=dataset.id)
    size = f"{count(version.images, 'photo')}, {count(len(version.classes), 'class', 'classes')}"
    st.caption(f"{size}, {count(len(versions), 'version')}  \n{_latest(model)}")


def _latest(model: Model | None) -> str:
    if model is None:
        return "No model yet"
    test = model.metrics("test")
    score = ""
    if test:
        score = f", test {share(int(test['correct']), int(test['n']))}"
    return f"Latest model: {plain(model.name)}{score}"


@st.cache_data(max_entries=200, show_spinner=False)
def _first_photos(dataset_id: str, version_id: str, _version: Version) -> list[tuple[str, str]]:
    rows, _ = store.page(_version, Query(sort="mixed", problem=False), limit=PHOTOS)
    return list(zip(rows["image_id"], rows["path"], strict=True))


def _photos(dataset: Dataset, version: Version) -> list[Photo]:
    """Return four photos of different classes, as far as there are some."""
    try:
        rows = _first_photos(dataset.id, version.id, version)
    except FieldmarkError:
        return []  # the dataset's own page says why
    thumbnails.make_thumbnails(dataset.root, rows)
    return [Photo(image_id, thumbnails.url(image_id), "") for image_id, _ in rows]
