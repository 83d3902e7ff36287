"""The tables of a preview in which a person changes classes, table columns and folders."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.datasets.planning import decisions as deciding
from core.datasets.planning.decisions import Decisions, TableUse
from core.datasets.planning.listing import Listing
from core.datasets.planning.plan import Class
from core.datasets.planning.tables import columns
from core.errors import BadImage
from core.io import images
from ui.text import count, plain

Decide = Callable[[Decisions], None]
# By row number, the changed cells by column.
Edits = dict[int, dict[str, object]]

# Only the first classes have a thumbnail.
MOST_THUMBNAILS = 60
MOST_FOLDERS = 200
MAX_LEVEL_NAME = 60
THUMBNAIL_SIDE = 64
COLUMN_ROLES = {
    columns.PATH: "Photo",
    columns.FOLDER: "Folder of the photo",
    columns.LABEL: "Label",
    columns.SPLIT: "Split",
    columns.GROUP: "Group",
    columns.ONE_HOT: "Class, 0 or 1 (one-hot)",
    columns.KEEP: "Keep as extra column",
    columns.IGNORE: "Ignore",
    "box_x": "Box: left",
    "box_y": "Box: top",
    "box_width": "Box: width",
    "box_height": "Box: height",
    "box_right": "Box: right",
    "box_bottom": "Box: bottom",
    columns.BOX_CENTRE_X: "Box: centre x",
    columns.BOX_CENTRE_Y: "Box: centre y",
    columns.BOX_LIST: "Box: left, top, width, height",
}
FOLDER_ROLES = {
    "": "Class (or a level above classes)",
    deciding.TRAIN: "Split: train",
    deciding.VALIDATION: "Split: validation",
    deciding.TEST: "Split: test",
    deciding.THROUGH: "No meaning: use the folders inside",
    deciding.NO_LABEL: "Unlabelled photos",
    deciding.LEFT_OUT: "Ignore",
}


def classes(
    job_id: str, root: Path, decided: Decisions, found: Iterable[Class], decide: Decide
) -> None:
    """Show the classes, each with one photo; names can be changed and classes excluded."""
    rows = [item for item in found if item.photos]
    if not rows:
        st.caption("No classes: no folder or table gives a label.")
        return
    names = [decided.renamed.get(item.name, item.name) for item in rows]
    table = pd.DataFrame(
        {
            "use": [bool(name) for name in names],
            "photo": [_thumbnail(root / item.example) for item in rows[:MOST_THUMBNAILS]]
            + [""] * len(rows[MOST_THUMBNAILS:]),
            "class": [name or item.name for name, item in zip(names, rows, strict=True)],
            "photos": [item.photos for item in rows],
        }
    )

    def change(edits: Edits) -> None:
        renamed = dict(decided.renamed)
        for row, edit in edits.items():
            own = rows[row].name
            name = str(edit.get("class", table["class"][row]) or own).strip()
            is_used = bool(edit.get("use", table["use"][row]))
            renamed[own] = ""
            if is_used:
                renamed[own] = name or own
        decide(replace(decided, renamed={a: b for a, b in renamed.items() if a != b}))

    st.caption("Edit a name to rename a class. Two classes with the same name are merged.")
    _editor(
        table,
        f"ds_plan_classes_{job_id}",
        ["photo", "photos"],
        change,
        {
            "use": st.column_config.CheckboxColumn("Use", width="small"),
            "photo": st.column_config.ImageColumn("Example", width="small"),
            "class": st.column_config.TextColumn("Class", width="large"),
            "photos": st.column_config.NumberColumn("Photos", width="small", format="localized"),
        },
    )


def tables(job_id: str, decided: Decisions, decide: Decide) -> None:
    """Show each table: whether it is used and why, and the role of each column."""
    uses = [use for use in decided.tables if use.roles]
    if not uses:
        st.caption("No tables found beside the photos.")
    for use in uses:
        _table(job_id, decided, use, decide)


def _table(job_id: str, decided: Decisions, use: TableUse, decide: Decide) -> None:
    form = use.kind
    if use.encoding:
        form += f", {use.encoding.upper()}"
    st.markdown(f"**{plain(use.path)}** ({plain(form)}): {plain(use.why)}.")
    is_used = st.checkbox(
        "Use this table", use.is_used, key=f"ds_plan_use_{job_id}_{use.path}_{use.is_used}"
    )
    if is_used != use.is_used:
        decide(_with_use(decided, _switched(use, is_used)))
        st.rerun()
    if use.is_used:
        _columns(job_id, decided, use, decide)


def _switched(use: TableUse, is_used: bool) -> TableUse:
    if is_used:
        return replace(use, is_used=True, why="was selected in the preview")
    return replace(use, is_used=False, why="it was deselected in the preview")


def _columns(job_id: str, decided: Decisions, use: TableUse, decide: Decide) -> None:
    names = list(use.roles)
    roles = [COLUMN_ROLES[use.roles[name]] for name in names]
    table = pd.DataFrame({"column": names, "role": roles})
    role_of = {text: role for role, text in COLUMN_ROLES.items()}

    def change(edits: Edits) -> None:
        changed = dict(use.roles)
        for row, edit in edits.items():
            changed[names[row]] = role_of.get(str(edit.get("role")), changed[names[row]])
        decide(
            _with_use(decided, replace(use, roles=changed, why="has columns set in the preview"))
        )

    _editor(
        table,
        f"ds_plan_columns_{job_id}_{use.path}",
        ["column"],
        change,
        {
            "column": st.column_config.TextColumn("Column"),
            "role": st.column_config.SelectboxColumn(
                "Role", options=list(COLUMN_ROLES.values()), required=True
            ),
        },
    )


def _with_use(decided: Decisions, use: TableUse) -> Decisions:
    """Return the decisions with a table's changed use; labels come from tables if any has them."""
    changed = decided.with_table(use)
    has_labels = any(
        item.column(columns.LABEL) or item.column(columns.ONE_HOT) for item in changed.used
    )
    if has_labels:
        return replace(changed, labels=deciding.BY_TABLES)
    if changed.labels == deciding.BY_TABLES:
        return replace(changed, labels=deciding.BY_FOLDERS)
    return changed


def folders(job_id: str, listing: Listing, decided: Decisions, decide: Decide) -> None:
    """Show the folders near the top with their roles, and the names of their levels."""
    _levels(job_id, decided, decide)
    sizes = _photos_by_folder(listing)
    near_top = sorted({*decided.folders, *(name for name in sizes if name.count("/") < 2)})
    if not near_top:
        st.caption("No folders: all photos are at the top level.")
        return
    listed = near_top[:MOST_FOLDERS]
    table = pd.DataFrame(
        {
            "folder": listed,
            "photos": [sizes[name] for name in listed],
            "role": [FOLDER_ROLES[decided.folders.get(name, "")] for name in listed],
        }
    )
    role_of = {text: role for role, text in FOLDER_ROLES.items()}

    def change(edits: Edits) -> None:
        roles = dict(decided.folders)
        for row, edit in edits.items():
            roles[listed[row]] = role_of.get(str(edit.get("role")), "")
        decide(replace(decided, folders={name: role for name, role in roles.items() if role}))

    if len(near_top) > len(listed):
        st.caption(f"First {len(listed):,} of {count(len(near_top), 'folder')}.")
    _editor(
        table,
        f"ds_plan_folders_{job_id}",
        ["folder", "photos"],
        change,
        {
            "folder": st.column_config.TextColumn("Folder"),
            "photos": st.column_config.NumberColumn("Photos", width="small", format="localized"),
            "role": st.column_config.SelectboxColumn(
                "Role", options=list(FOLDER_ROLES.values()), required=True
            ),
        },
    )


def _photos_by_folder(listing: Listing) -> Counter[str]:
    """Count the photos below each folder of the top three levels."""
    sizes = Counter[str]()
    for path in listing.photos:
        parts = path.split("/")[:-1]
        for depth in range(1, min(len(parts), 3) + 1):
            sizes["/".join(parts[:depth])] += 1
    return sizes


def _levels(job_id: str, decided: Decisions, decide: Decide) -> None:
    """Ask for the names under which each photo keeps its folder levels; '' drops a level."""
    if not decided.levels:
        return
    st.caption("Folder names are kept with each photo as extra columns. Empty drops a level.")
    names = []
    for column, (number, name) in zip(
        st.columns(len(decided.levels)), enumerate(decided.levels, 1), strict=True
    ):
        key = f"ds_plan_level_{job_id}_{number}_{name}"
        names.append(column.text_input(f"Level {number}", name, key=key, max_chars=MAX_LEVEL_NAME))
    if tuple(names) != decided.levels:
        decide(replace(decided, levels=tuple(name.strip() for name in names)))
        st.rerun()


def _editor(
    table: pd.DataFrame,
    key: str,
    fixed: list[str],
    change: Callable[[Edits], None],
    config: dict[str, Any],
) -> None:
    """Show an editable table; each edit is saved by `change` and the table is drawn anew."""
    turn = st.session_state.setdefault(f"{key}_turn", 0)
    own = f"{key}_{turn}"

    def take() -> None:
        change(st.session_state[own]["edited_rows"])
        st.session_state[f"{key}_turn"] = turn + 1

    st.data_editor(
        table,
        key=own,
        hide_index=True,
        disabled=fixed,
        column_config=config,
        on_change=take,
        num_rows="fixed",
    )


@lru_cache(maxsize=1000)
def _thumbnail(path: Path) -> str:
    """Return a photo's thumbnail as a data URI; '' if it can't be opened here."""
    try:
        image = images.open_image(path)
    except (BadImage, OSError):
        return ""
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    data = io.BytesIO()
    image.save(data, "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"
