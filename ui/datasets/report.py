"""What an import found: files that can't be used, duplicates and rows without a photo."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.datasets import store
from core.datasets.editing import edits
from core.datasets.importing.report import ImportReport
from core.datasets.store import Dataset, Version
from ui.datasets import about
from ui.text import count, duration, plain


def show(dataset: Dataset, version: Version) -> None:
    """Draw the report of the import that made the version, or of the first import."""
    facts = ImportReport.of(version.report or store.version(dataset.id, "v1").report)
    bad = store.manifest_of(
        version, columns=["path", "label", "problem"], filters=[("problem", "!=", "")]
    )
    bad = bad[~edits.is_left_out(bad["problem"])]
    st.caption(about.source(dataset, version))
    with st.grid(4, min_column_width=180, gap="small"):
        st.metric("Usable photos", f"{facts.images:,}", border=True)
        st.metric("Can't be used", f"{facts.bad_count:,}", border=True)
        st.metric("Ignored files", f"{sum(facts.ignored.values()):,}", border=True)
        st.metric("Exact duplicates", f"{facts.duplicate_count:,}", border=True)
    first = "v1"
    if version.report:
        first = version.id
    checked = f"{count(facts.images + facts.bad_count, 'photo')} checked in"
    st.caption(f"Import of {first}: {checked} {duration(facts.seconds)}.")
    for warning in facts.warnings:
        st.warning(plain(warning), icon=":material/warning:")
    _unusable(bad)
    _listed(facts)
    if facts.duplicates:
        st.markdown(
            "**Exact duplicates.** Copies always share a split, so they can't leak from train into "
            "test."
        )
        st.dataframe(
            pd.DataFrame(facts.duplicates, columns=["photo", "duplicate"]),
            hide_index=True,
            alt="Exact duplicates",
        )


def _unusable(bad: pd.DataFrame) -> None:
    if bad.empty:
        st.success("All photos opened and decoded without errors.", icon=":material/check_circle:")
        return
    st.markdown(f"**{count(len(bad), 'file')} can't be used** and are left out of training:")
    st.dataframe(bad, hide_index=True, alt="Files that can't be used, with the reason")


def _listed(facts: ImportReport) -> None:
    """Draw what the folder and its tables hold beside usable photos."""
    if facts.ignored:
        reasons = ", ".join(f"{number} {reason}" for reason, number in facts.ignored.items())
        st.markdown(f"**Ignored files**: {plain(reasons)}")
    if facts.row_errors:
        st.markdown(f"**{count(facts.row_error_count, 'row')} of the label table can't be used:**")
        st.dataframe(
            {"row": facts.row_errors},
            hide_index=True,
            alt="Rows of the label table that can't be used, with the reason",
        )
    if facts.missing:
        st.markdown(
            f"**{count(facts.missing, 'photo')} listed in the tables are not in the folder.**"
        )
