"""What is known of one photo, as drawn beside it in the viewer and on its page."""

from __future__ import annotations

import math
from collections.abc import Callable

import streamlit as st

from core.datasets import metadata, remote
from core.datasets.inspection.store import KINDS
from core.datasets.store import Dataset, Version
from core.io import files
from core.models import photo_record
from core.models.photo_record import Record
from ui.components.gallery import gallery
from ui.datasets import inspection as inspecting
from ui.shared import thumbnails
from ui.text import count, plain

WITHOUT = "Without a label"


def facts(dataset: Dataset, record: Record) -> None:
    """Draw label, split, size, issues and path of the photo."""
    row = record.row
    st.markdown(f"## {plain(str(row['label'] or WITHOUT))}")
    split, official, pixels, box = str(row["split"]), str(row["official"]), "not known", ""
    if official == split:
        split, official = f"{split} (official split)", ""
    if row["width"]:
        pixels = f"{row['width']} x {row['height']} px"
    if not math.isnan(row["box_x"]):
        box = "{box_width:.0f} x {box_height:.0f} px at {box_x:.0f}, {box_y:.0f}".format(**row)
    rows = {
        "Split": split,
        "Official split": official,
        "Problem": str(row["problem"]),
        "Size": f"{pixels}, {files.human_bytes(row['size_bytes'])}",
        "Box": box,
        "Same bytes": ", ".join(record.copies),
        **{
            KINDS[kind].title: evidence
            for kind, evidence in zip(record.issues["kind"], record.issues["evidence"], strict=True)
        },
    }
    st.markdown("  \n".join(f"**{name}** {plain(value)}" for name, value in rows.items() if value))
    folder = remote.begins(dataset.root) or f"{dataset.root}/"
    st.caption(f"{plain(folder + record.path)}  \nImage id {record.image_id}")


def metadata_of(version: Version, record: Record) -> None:
    """Draw the photo's metadata: from its tables, its folders and its camera."""
    known = metadata.of_photo(version.folder, record.path)
    if known:
        lines = (f"**{plain(name)}** {plain(str(value))}" for name, value in known.items())
        st.markdown("  \n".join(lines))


def similar(
    dataset: Dataset, version: Version, record: Record, on_open: Callable[[str], None]
) -> None:
    """Draw the most similar photos of the version; `on_open` gets the path of one that was
    clicked. Offers an inspection when their features are not cached any more."""
    with st.spinner("Comparing the photos"):
        nearest = photo_record.neighbours(record)
    if nearest is None:
        known = inspecting.current(dataset, version)
        if known is not None and not known.caches:
            inspecting.button(dataset, version, "Inspect this version again to compare its photos")
        return
    table = nearest.photos
    detail = [
        f"{split}, similarity {value:.3f}"
        for split, value in zip(table["split"], table["similarity"], strict=True)
    ]
    tone = ["" if label == record.row["label"] else "wrong" for label in table["label"]]
    tiles = thumbnails.tiles(dataset.root, table, detail, tone)
    opened = gallery(tiles, key=f"ds_photo_like_{record.image_id[:16]}", side=120)
    alike = int((table["label"] == record.row["label"]).sum())
    st.caption(
        f"{alike} of the {len(table)} nearest photos have the same label. Compared with "
        f"{count(nearest.n, 'photo')} of {version.id}, by cosine similarity of their features."
    )
    if opened:
        paths = dict(zip(table["image_id"], table["path"], strict=True))
        on_open(str(paths[opened]))
