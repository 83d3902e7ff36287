"""The About view of a batch: the engine, the speed, the downloads, and the log."""

from __future__ import annotations

import streamlit as st

from core import backends
from core.batch import results
from core.io import files
from core.jobs.status.progress import BatchProgress, Parity
from core.jobs.store import Job
from ui.shared import downloads
from ui.text import duration, parity_words, plain
from ui.training import job as job_card


def show(job: Job) -> None:
    """Draw facts, downloads and the log."""
    progress = BatchProgress.from_json(job.status.progress)
    st.markdown(f"**Engine**: {plain(progress.form)}. {_parity(progress.parity)}")
    if progress.seconds:
        rate = (
            f"{progress.images_per_second or 0:,.0f} photos per second, with reading and decoding"
        )
        st.markdown(
            f"**Speed**: {rate}. It took {duration(progress.seconds)} after a start-up of "
            f"{duration(_start(job, progress.seconds))}."
        )
    downloads_of(job)
    job_card.as_code(job)
    with st.expander("Columns of the table", icon=":material/table:"):
        rows = {
            "Column": list(results.DESCRIPTIONS),
            "Content": list(results.DESCRIPTIONS.values()),
        }
        st.dataframe(rows, hide_index=True, alt="The columns of the results and their content")
    with st.expander("Log", icon=":material/article:"):
        st.code(
            backends.of(job).log(job).text[-20_000:] or "The log is empty.",
            language=None,
            height=200,
        )
    st.caption(f"Batch `{job.id}` in `{job.folder.path}`.")


def downloads_of(job: Job) -> None:
    """Draw the downloads of all rows, as CSV and as Parquet."""
    with st.container(horizontal=True):
        downloads.link("CSV for spreadsheets", job.id, "results.csv", key="ba_csv")
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


def _parity(parity: Parity | None) -> str:
    if not parity or not parity.photos:
        return ""
    return f"{parity_words(parity.photos, parity.same_class, parity.max_difference)}."


def _start(job: Job, spent: float) -> float | None:
    seconds = job.status.seconds
    if seconds is not None:
        return max(0.0, seconds - spent)
    return None
