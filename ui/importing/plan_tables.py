"""The parts of a plan that a person can change: classes, the columns of tables, and folders."""

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

# A photo of each of so many classes is shown.
MOST_PHOTOS = 60
MOST_FOLDERS = 200
MOST_CHARS = 60
SIDE = 64
ROLES = {
    columns.PATH: "the photo",
    columns.FOLDER: "the photo's folder",
    columns.LABEL: "the label",
    columns.SPLIT: "the split",
    columns.GROUP: "the group",
    columns.ONE_HOT: "a class of its own, 0 or 1",
    columns.KEEP: "keep it with the photo",
    columns.IGNORE: "nothing",
    "box_x": "box: left",
    "box_y": "box: top",
    "box_width": "box: width",
    "box_height": "box: height",
    "box_right": "box: right",
    "box_bottom": "box: bottom",
    columns.BOX_CENTRE_X: "box: middle, across",
    columns.BOX_CENTRE_Y: "box: middle, down",
    columns.BOX_LIST: "box: left, top, width, height",
}
FOLDERS = {
    "": "a class, or a level above one",
    deciding.TRAIN: "train",
    deciding.VALIDATION: "validation",
    deciding.TEST: "test",
    deciding.THROUGH: "nothing: look through it",
    deciding.NO_LABEL: "photos without a label",
    deciding.LEFT_OUT: "leave it out",
}


def classes(
    job_id: str, root: Path, decided: Decisions, found: Iterable[Class], decide: Decide
) -> None:
    """The classes, each with one of its photos; names can be changed, classes left out."""
    rows = [item for item in found if item.photos]
    if not rows:
        st.caption("No folder and no table names a class.")
        return
    names = [decided.renamed.get(item.name, item.name) for item in rows]
    table = pd.DataFrame(
        {
            "use": [bool(name) for name in names],
            "photo": [_thumbnail(root / item.example) for item in rows[:MOST_PHOTOS]]
            + [""] * len(rows[MOST_PHOTOS:]),
            "class": [name or item.name for name, item in zip(names, rows, strict=True)],
            "photos": [item.photos for item in rows],
        }
    )

    def changed(edits: dict[int, dict[str, object]]) -> None:
        renamed = dict(decided.renamed)
        for place, edit in edits.items():
            own = rows[place].name
            name = str(edit.get("class", table["class"][place]) or own).strip()
            is_used = bool(edit.get("use", table["use"][place]))
            renamed[own] = (name or own) if is_used else ""
        decide(replace(decided, renamed={a: b for a, b in renamed.items() if a != b}))

    st.caption(
        "Change a name, or take a class out, by editing the table. Two of one name become one."
    )
    _editor(
        table,
        f"ds_plan_classes_{job_id}",
        ["photo", "photos"],
        changed,
        {
            "use": st.column_config.CheckboxColumn("use", width="small"),
            "photo": st.column_config.ImageColumn("photo", width="small"),
        },
    )


def tables(job_id: str, decided: Decisions, decide: Decide) -> None:
    """The tables that lie there: whether each is used and why, and what its columns say."""
    if not decided.tables:
        st.caption("No table lies beside the photos.")
    for use in decided.tables:
        if use.roles:
            _table(job_id, decided, use, decide)


def _table(job_id: str, decided: Decisions, use: TableUse, decide: Decide) -> None:
    words = f"**{plain(use.path)}** ({plain(use.kind)}"
    words += f", {plain(use.encoding.upper())}" if use.encoding else ""
    st.markdown(f"{words}): {plain(use.why)}.")
    is_used = st.checkbox(
        "Use it", use.is_used, key=f"ds_plan_use_{job_id}_{use.path}_{use.is_used}"
    )
    if is_used != use.is_used:
        decide(
            _with_use(
                decided,
                replace(
                    use, is_used=is_used, why="it was chosen" if is_used else "it was taken out"
                ),
            )
        )
        st.rerun()
    if not use.is_used:
        return
    names = list(use.roles)
    table = pd.DataFrame({"column": names, "says": [ROLES[use.roles[name]] for name in names]})
    words_of = {text: role for role, text in ROLES.items()}

    def changed(edits: dict[int, dict[str, object]]) -> None:
        roles = dict(use.roles)
        for place, edit in edits.items():
            roles[names[place]] = words_of.get(str(edit.get("says")), roles[names[place]])
        decide(_with_use(decided, replace(use, roles=roles, why="its columns were chosen")))

    _editor(
        table,
        f"ds_plan_columns_{job_id}_{use.path}",
        ["column"],
        changed,
        {
            "says": st.column_config.SelectboxColumn(
                "says", options=list(ROLES.values()), required=True
            )
        },
    )


def _with_use(decided: Decisions, use: TableUse) -> Decisions:
    """The decisions with a table used otherwise: labels come from tables where one has any."""
    made = decided.with_table(use)
    has_labels = any(
        item.column(columns.LABEL) or item.column(columns.ONE_HOT) for item in made.used
    )
    if has_labels:
        return replace(made, labels=deciding.BY_TABLES)
    if made.labels == deciding.BY_TABLES:
        return replace(made, labels=deciding.BY_FOLDERS)
    return made


def folders(job_id: str, listing: Listing, decided: Decisions, decide: Decide) -> None:
    """The folders near the top, with what each of them is, and what their levels are called."""
    _levels(job_id, decided, decide)
    sizes = Counter[str]()
    for path in listing.photos:
        parts = path.split("/")[:-1]
        for depth in range(1, min(len(parts), 3) + 1):
            sizes["/".join(parts[:depth])] += 1
    shown = sorted({*decided.folders, *(name for name in sizes if name.count("/") < 2)})
    if not shown:
        st.caption("The photos lie in no folder.")
        return
    shown = shown[:MOST_FOLDERS]
    table = pd.DataFrame(
        {
            "folder": shown,
            "photos": [sizes[name] for name in shown],
            "is": [FOLDERS[decided.folders.get(name, "")] for name in shown],
        }
    )
    words_of = {text: role for role, text in FOLDERS.items()}

    def changed(edits: dict[int, dict[str, object]]) -> None:
        roles = dict(decided.folders)
        for place, edit in edits.items():
            roles[shown[place]] = words_of.get(str(edit.get("is")), "")
        decide(replace(decided, folders={name: role for name, role in roles.items() if role}))

    if len(sizes) > len(shown):
        st.caption(f"The first {count(len(shown), 'folder')} of {len(sizes):,}.")
    _editor(
        table,
        f"ds_plan_folders_{job_id}",
        ["folder", "photos"],
        changed,
        {
            "is": st.column_config.SelectboxColumn(
                "is", options=list(FOLDERS.values()), required=True
            )
        },
    )


def _levels(job_id: str, decided: Decisions, decide: Decide) -> None:
    """The names under which the levels of folders are kept with each photo; none for none."""
    if not decided.levels:
        return
    st.caption("Folders above the photos are kept with each of them under these names.")
    names = []
    for column, (number, name) in zip(
        st.columns(len(decided.levels)), enumerate(decided.levels, 1), strict=True
    ):
        key = f"ds_plan_level_{job_id}_{number}_{name}"
        names.append(column.text_input(f"Level {number}", name, key=key, max_chars=MOST_CHARS))
    if tuple(names) != decided.levels:
        decide(replace(decided, levels=tuple(name.strip() for name in names)))
        st.rerun()


def _editor(
    table: pd.DataFrame,
    key: str,
    fixed: list[str],
    changed: Callable[[dict[int, dict[str, object]]], None],
    config: dict[str, Any],
) -> None:
    """A table that can be edited; each edit is decided at once, and drawn anew from what was
    decided."""
    turn = st.session_state.setdefault(f"{key}_turn", 0)
    own = f"{key}_{turn}"

    def take() -> None:
        changed(st.session_state[own]["edited_rows"])
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
    """A small picture of the photo as an address; empty where it can't be opened here."""
    try:
        image = images.open_image(path)
    except (BadImage, OSError):
        return ""
    image.thumbnail((SIDE, SIDE))
    data = io.BytesIO()
    image.save(data, "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"
