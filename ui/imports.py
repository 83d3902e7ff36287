"""Importing: the form, the upload it may need, and the progress of a running import."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import Any

import streamlit as st

from core import backends, files, jobs, settings
from core.errors import FieldmarkError, UserError
from core.specs import ImportSpec
from ui import job_card, links, messages
from ui.text import duration, plain


def submit(spec: ImportSpec) -> None:
    """Starts the import and goes to its page."""
    with messages.shown():
        links.to("datasets", job=backends.LOCAL.import_dataset(spec).id)


def form() -> None:
    """Three ways to a dataset: a folder on this machine, an archive dropped on the page, the built-in sample."""
    folder, archive, sample = st.tabs(
        [":material/folder_open: A folder on this machine", ":material/upload_file: Drop an archive", ":material/draw: The sample"]
    )
    with folder:
        _folder_form()
    with archive:
        _archive_form()
    with sample:
        _sample_form()


def progress(job: jobs.Job) -> None:
    """The import as it goes on; the page is redrawn whole when it ends."""
    st.fragment(_progress, run_every=0.7 if not job.state.is_finished else None)(job.id)


def outcome(job_id: str) -> None:
    """How an ended import ended: its dataset opens, or its reason is shown."""
    with messages.shown():
        job = backends.LOCAL.refresh(jobs.read(job_id))
        if job.state is jobs.State.COMPLETED:
            links.to("datasets", dataset=str(job.status.progress.get("dataset_id", "")))
        if job.state is jobs.State.FAILED:
            st.error(f"The import of {plain(job.name)} failed. {plain(job.status.reason)}", icon=":material/error:")
        elif job.state is jobs.State.STOPPED:
            st.info(f"The import of {plain(job.name)} was stopped. Nothing was kept of it.", icon=":material/stop_circle:")


def _progress(job_id: str) -> None:
    job = backends.LOCAL.refresh(jobs.read(job_id))
    if job.state.is_finished:
        st.rerun()
    facts = job.status.progress
    done, total = int(facts.get("done", 0)), int(facts.get("total", 0))
    unit = facts.get("unit", "images")
    amount = f"{files.human_bytes(done)} of {files.human_bytes(total)}" if unit == "bytes" else f"{done:,} of {total:,} {unit}"
    left = f", about {duration(facts['eta_seconds'])} left" if facts.get("eta_seconds") else ""
    words = f"{plain(str(facts.get('phase', 'Starting')))}: {amount}{left}" if total else plain(str(facts.get("phase", "Starting")))
    st.progress(min(1.0, done / total) if total else 0.0, text=f"Importing *{plain(job.name)}*. {words}")
    job_card.stop_button(job)


def _folder_form() -> None:
    st.markdown(
        "One folder per class with its photos inside (`cardinal/one.jpg`), folders `train`, `validation` and `test` of such folders, "
        "or CUB-200-2011 as it is. The photos stay where they are; nothing in the folder is changed."
    )
    path = st.text_input("Folder", key="ds_folder", placeholder="/home/me/birds", help=f"Inside {_roots()}.")
    name = st.text_input("Name", key="ds_folder_name", placeholder="Taken from the folder", max_chars=settings.MAX_NAME_LENGTH)
    if st.button("Import the folder", type="primary", key="ds_import_folder", icon=":material/download:"):
        _try(lambda: ImportSpec(name=name or Path(path.strip()).name, source="folder", path=_given(path)))


def _archive_form() -> None:
    st.markdown("A ZIP or TAR of the same layouts. It is checked before anything is unpacked, and unpacked into Fieldmark's own folder.")
    upload = st.file_uploader(
        "Archive",
        type=["zip", "tar", "gz", "tgz", "bz2", "xz"],
        key="ds_archive",
        max_upload_size=settings.MAX_UPLOAD_MB,
        label_visibility="collapsed",
    )
    name = st.text_input("Name", key="ds_archive_name", placeholder="Taken from the archive", max_chars=settings.MAX_NAME_LENGTH)
    if (
        st.button("Import the archive", type="primary", key="ds_import_archive", icon=":material/download:", disabled=upload is None)
        and upload
    ):
        title = name or upload.name.replace("\\", "/").rsplit("/", 1)[-1].split(".")[0] or "Archive"
        _try(lambda: ImportSpec(name=title, source="archive", path=str(_keep(upload)), shown=upload.name))


def _sample_form() -> None:
    st.markdown(
        "A sketchbook of bird **drawings**, made by Fieldmark on this machine: ten species, sixty drawings each, "
        "two of the species easy to confuse. Good for learning your way around, not for recognising real birds."
    )
    if st.button("Make the sketchbook", type="primary", key="ds_import_sample", icon=":material/draw:"):
        submit(ImportSpec(name="Sketchbook", source="sample"))


def _given(path: str) -> str:
    if not path.strip():
        raise UserError("Say which folder to import.", field="folder")
    return path.strip()


def _try(make: Any) -> None:
    try:
        spec = make()
    except FieldmarkError as error:
        st.caption(f":red[:material/error: {plain(str(error))}]")
        return
    submit(spec)


def _keep(upload: Any) -> Path:
    """Saves an upload under a name of ours; the client's name is only ever shown."""
    files.require_free_space(settings.uploads_dir(), 2 * upload.size, "This archive and its photos")
    path = settings.uploads_dir() / f"{secrets.token_hex(8)}.archive"
    with files.atomic(path) as target:
        shutil.copyfileobj(upload, target)
    return path


def _roots() -> str:
    return ", ".join(str(root) for root in settings.import_roots())
