"""The issues that an inspection found, list by list: each photo with its evidence, to select and
edit."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from core.datasets import store
from core.datasets.editing import edits
from core.datasets.editing.edits import Step
from core.datasets.inspection import store as inspection
from core.datasets.inspection.store import GROUPED, KINDS, Inspection
from core.datasets.store import Dataset, Version
from ui import choices, paging
from ui.datasets import inspection as inspecting
from ui.datasets.photos import edit_forms, selection
from ui.text import count, duration, plain

PAGE_SIZE = 24


def show(dataset: Dataset, version: Version) -> None:
    """Draw the issues of the version's inspection, or those of its nearest ancestor that still
    hold."""
    found = inspecting.current(dataset, version)
    if found is None:
        return
    issues = _open(found, version)
    kind = _kind({kind: _size(issues, kind) for kind in KINDS})
    _list(dataset, version, issues, kind)
    st.caption(
        f"{count(found.photos, 'photo')} of {found.version.id} inspected in "
        f"{duration(found.seconds)}."
    )


def _kind(sizes: Mapping[str, int]) -> str:
    """Draw the choice of a list; return it. The address has its name, because the numbers on the
    pills change. By default it is the first list that is not empty."""
    return choices.pill(
        "List",
        list(KINDS),
        start=next((kind for kind, size in sizes.items() if size), "label"),
        label=lambda kind: f"{KINDS[kind].title} ({sizes[kind]:,})",
        key="ds_issue",
        parameter="issue",
        label_visibility="collapsed",
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _still_open(
    folder: str, version_id: str, _found: Inspection, _version: Version
) -> pd.DataFrame:
    issues = _found.issues()
    if _found.version.id == _version.id:
        return issues
    return inspection.still_open(
        issues, store.manifest_of(_version, columns=["path", "label", "split", "problem"])
    )


def _open(found: Inspection, version: Version) -> pd.DataFrame:
    return _still_open(str(found.folder), version.id, found, version)


def _size(issues: pd.DataFrame, kind: str) -> int:
    rows = issues[issues["kind"] == kind]
    if kind in GROUPED:
        return int(rows["group"].nunique())
    return len(rows)


def _list(dataset: Dataset, version: Version, issues: pd.DataFrame, kind: str) -> None:
    rows = issues[issues["kind"] == kind]
    st.markdown(KINDS[kind].advice)
    if rows.empty:
        st.success("No issues of this kind.", icon=":material/check_circle:")
        return
    page = _page(rows, kind)
    details = list(page["evidence"])
    suggestions: dict[str, str] = {}
    groups = None
    if kind == "label":
        suggestions = dict(zip(page["path"], page["suggestion"], strict=True))
        _take_all(version, rows)
    if kind in GROUPED:
        groups = [f"Group {number}" for number in _numbered(rows).loc[page.index]]
        details = [f"{split}: {words}" for split, words in zip(page["split"], details, strict=True)]
    selection.wall(
        dataset,
        version,
        page,
        key=f"ds_issue_wall_{kind}",
        why=_why(kind),
        detail=details,
        suggestions=suggestions,
        groups=groups,
        order=rows["path"].tolist(),
    )


def _take_all(version: Version, rows: pd.DataFrame) -> None:
    """Draw a button that relabels every photo of the list as suggested; the draft can undo it."""
    taken = {
        path: name for path, name in zip(rows["path"], rows["suggestion"], strict=True) if name
    }
    if not taken:
        return
    st.button(
        f"Take all {count(len(taken), 'suggestion')}",
        key="ds_issue_take_all",
        icon=":material/done_all:",
        on_click=edit_forms.add_step,
        args=(version, "", lambda: Step(edits.RELABEL, taken, _why("label"))),
        help="Relabels the photos in the draft, where you can undo it. Select photos to take only "
        "some suggestions.",
    )


def _page(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return one page of the list, with the page numbers drawn; a group stays on one page."""
    units, size = pd.Series(range(1, len(rows) + 1), index=rows.index), PAGE_SIZE
    if kind in GROUPED:
        units, size = _numbered(rows), PAGE_SIZE // 3
    key = f"ds_issue_page_{kind.replace(' ', '_')}"
    part = paging.shown(int(units.max()), size, key=key, bind="query-params")
    return rows[(units > part.start) & (units <= part.stop)]


def _numbered(rows: pd.DataFrame) -> pd.Series:
    """Return the number of each row's group in the list, from 1."""
    return pd.Series(pd.factorize(rows["group"])[0] + 1, index=rows.index)


def _why(kind: str) -> str:
    return plain(KINDS[kind].title).lower()
