"""Gallery tiles of manifest rows: missing thumbnails are made, and captions set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypedDict

import pandas as pd
import streamlit as st
from PIL import Image, ImageDraw

from core.datasets import manifest, remote
from core.errors import FieldmarkError
from core.io import files, images
from ui.components.gallery import Photo
from ui.text import plain

THREADS = 4
BOX_COLOUR = "#DDBB55"


def url(image_id: str) -> str:
    """Return the address of the thumbnail; relative, so that it also works behind a proxy's
    prefix."""
    return f"thumbnails/{image_id}"


def make_thumbnails(root: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Make the missing thumbnails of `(image_id, path)` rows. A broken photo gets none."""
    missing = [
        (image_id, path)
        for image_id, path in rows
        if image_id and not images.thumbnail_path(image_id).exists()
    ]
    if missing:
        fetch(root, [path for _, path in missing])
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda row: _make(root, *row), missing))


def tiles(
    root: Path,
    frame: pd.DataFrame,
    detail: Sequence[str] | None = None,
    tone: Sequence[str] | None = None,
) -> list[Photo]:
    """Return gallery tiles for rows with `image_id`, `path` and `label`; the title is the label,
    the detail by default the split."""
    make_thumbnails(root, zip(frame["image_id"], frame["path"], strict=True))
    if detail is None:
        detail = list(frame["split"])
    if tone is None:
        tone = [""] * len(frame)
    return [
        Photo(id=str(image_id), url=url(image_id), title=str(label), detail=str(text), tone=shade)
        for image_id, label, text, shade in zip(
            frame["image_id"], frame["label"], detail, tone, strict=True
        )
    ]


class BoxOf(TypedDict, total=False):
    """A photo's box (x, y, width, height in pixels) and its size, as fields of a tile."""

    box: tuple[float, float, float, float]
    size: tuple[int, int]


NO_BOX = BoxOf()


def box_of(row: Mapping[Any, Any]) -> BoxOf:
    """Return the box of a manifest row and the photo's size, or NO_BOX."""
    x, y, width, height = (row.get(name, math.nan) for name in manifest.BOX)
    if any(map(math.isnan, (x, y, width, height))):
        return NO_BOX
    return {"box": (x, y, width, height), "size": (int(row["width"]), int(row["height"]))}


def whole(path: Path, box: tuple[float, float, float, float] | None = None) -> Image.Image:
    """Return the photo with its box (x, y, width, height in pixels) drawn in. Raises BadImage."""
    image, size = images.open_sized(path)
    if box:
        x, y, width, height = (edge * image.width / size[0] for edge in box)
        line = max(2, round(max(image.size) / 250))
        ImageDraw.Draw(image).rectangle(
            (x, y, x + width, y + height), outline=BOX_COLOUR, width=line
        )
    return image


@st.dialog("Photo", width="large")
def show_photo(
    root: Path,
    path: str,
    label: str,
    known: Mapping[str, str],
    on_page: Callable[[], None] | None = None,
) -> None:
    """One photo, whole, with all that is known of it in words; `on_page` leads to its own page,
    where it has one."""
    picture, facts = st.columns([3, 2])
    with picture:
        fetch(root, [path])
        try:
            st.image(images.open_image(files.safe_join(root, path)), width="stretch", alt=label)
        except FieldmarkError as error:
            st.warning(plain(str(error)))
    with facts:
        st.markdown(f"#### {plain(label)}")
        st.caption(plain(path))
        for name, value in known.items():
            st.markdown(f"**{name}**  \n{plain(str(value))}")
        if on_page and st.button("Open its page", key="photo_page", icon=":material/open_in_full:"):
            on_page()


def facts_of(row: pd.Series) -> dict[str, str]:
    """The manifest's facts of one photo, in words."""
    facts = {
        "Split": row["split"],
        "Size": f"{row['width']} x {row['height']} px, {files.human_bytes(row['size_bytes'])}",
    }
    if row.get("official"):
        facts["Official split"] = row["official"]
    if row.get("problem"):
        facts["Problem"] = row["problem"]
    return {**facts, "Image id": f"{row['image_id'][:16]}..."}


def fetch(root: Path, paths: Sequence[str]) -> None:
    """Download photos that are in Amazon S3; draw a warning when that fails."""
    try:
        remote.bring(root, paths)
    except FieldmarkError as error:
        st.warning(plain(str(error)), icon=":material/cloud_off:")


def _make(root: Path, image_id: str, path: str) -> None:
    try:
        images.thumbnail(image_id, files.safe_join(root, path))
    except FieldmarkError:
        return  # the gallery shows the alternative text; the manifest's `problem` says why
