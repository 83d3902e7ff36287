"""What an inspection found, list by list: each photo with its evidence, ready to be selected and
mended."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from core.datasets import store
from core.datasets.inspection import store as inspection
from core.datasets.inspection.store import GROUPED, KINDS, Inspection
from core.datasets.store import Dataset, Version
from ui import choices, links, paging
from ui.datasets import inspection as inspecting
from ui.datasets.photos import selection
from ui.text import count, duration, plain

PAGE_SIZE = 24


def show(dataset: Dataset, version: Version) -> None:
    """The lists of the version's inspection, or of its nearest ancestor's without what was
    changed since."""
    found = inspecting.current(dataset, version)
    if found is None:
        return
    issues = _open(found, version)
    kind = _kind({kind: _size(issues, kind) for kind in KINDS})
    _list(dataset, version, issues, kind)
    st.caption(
        f"{count(found.photos, 'photo')} of {found.version.id} were looked through in "
        f"{duration(found.seconds)}."
    )


def _kind(sizes: Mapping[str, int]) -> str:
    """The list to show: by its name in the address, for the numbers on the pills change; at
    first one that holds something."""
    asked = links.parameter("issue")
    first = next((kind for kind, size in sizes.items() if size), "label")
    if asked in KINDS:
        first = asked
    kind = choices.pill(
        "List",
        list(KINDS),
        start=first,
        label=lambda kind: f"{KINDS[kind].title} ({sizes[kind]:,})",
        key="ds_issue",
        label_visibility="collapsed",
    )
    if kind != asked:
        links.set_parameters(issue=kind)
    return kind


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
        st.success("None was found.", icon=":material/check_circle:")
        return
    page = _page(rows, kind)
    details = list(page["evidence"])
    suggestions: dict[str, str] = {}
    groups = None
    if kind == "label":
        suggestions = dict(zip(page["path"], page["suggestion"], strict=True))
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


def _page(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """One page of the list, with the buttons for the others; a group is never torn apart."""
    units, size = pd.Series(range(1, len(rows) + 1), index=rows.index), PAGE_SIZE
    if kind in GROUPED:
        units, size = _numbered(rows), PAGE_SIZE // 3
    key = f"ds_issue_page_{kind.replace(' ', '_')}"
    part = paging.shown(int(units.max()), size, key=key, bind="query-params")
    return rows[(units > part.start) & (units <= part.stop)]


def _numbered(rows: pd.DataFrame) -> pd.Series:
    """The group's place in the list, from 1."""
    return pd.Series(pd.factorize(rows["group"])[0] + 1, index=rows.index)


def _why(kind: str) -> str:
    return plain(KINDS[kind].title).lower()
