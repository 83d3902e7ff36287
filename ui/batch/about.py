"""What a batch was and left: the model's form and what it changes, the speed, the table to take
away, and the log."""

from __future__ import annotations

import streamlit as st

from core import backends
from core.batch import results
from core.io import files
from core.jobs.store import Job
from ui.shared import downloads
from ui.text import duration, parity_words, plain
from ui.training import job as job_card


def show(job: Job) -> None:
    """Facts, downloads and the log."""
    facts = job.status.progress
    st.markdown(
        f"**Form of the model**: {plain(str(facts.get('form', 'not chosen yet')))}. "
        f"{_parity(facts.get('parity') or {})}"
    )
    if facts.get("seconds"):
        rate = (
            f"{facts.get('images_per_second', 0):,.0f} photos a second, reading and decoding "
            "included"
        )
        st.markdown(
            f"**Speed**: {rate}; {duration(facts['seconds'])} in all, after "
            f"{duration(_start(job))} of starting."
        )
    take_away(job)
    job_card.as_code(job)
    with st.expander("The table's columns", icon=":material/table:"):
        rows = {
            "column": list(results.DESCRIPTIONS),
            "what it holds": list(results.DESCRIPTIONS.values()),
        }
        st.dataframe(rows, hide_index=True, alt="The columns of the results and what they hold")
    with st.expander("Log", icon=":material/article:"):
        st.code(backends.of(job).log(job).text[-20_000:] or "Nothing.", language=None, height=200)
    st.caption(f"Batch `{job.id}`, kept in `{job.folder.path}`.")


def take_away(job: Job) -> None:
    """CSV and Parquet of all rows, made when they are asked for."""
    with st.container(horizontal=True):
        downloads.link("All rows as CSV", job.id, "results.csv", key="ba_csv")
        downloads.link("CSV for programs", job.id, "results.csv?exact=1", key="ba_csv_exact")
        path = results.results_file(job.folder)
        if path.exists():
            downloads.link(
                f"Parquet ({files.human_bytes(path.stat().st_size)})",
                job.id,
                "results.parquet",
                key="ba_parquet",
            )
    st.caption(downloads.ABOUT_CSV)


def _parity(parity: dict[str, float]) -> str:
    if not parity:
        return ""
    photos, same = int(parity["photos"]), int(parity["same_class"])
    return f"{parity_words(photos, same, parity['max_difference'])}."


def _start(job: Job) -> float | None:
    seconds = job.status.seconds
    if seconds is not None:
        return max(0.0, seconds - float(job.status.progress["seconds"]))
    return None
