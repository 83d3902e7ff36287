"""The export of a version: as downloads, or copied into a folder on this machine."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from core import backends, settings
from core.datasets import export
from core.datasets.store import Dataset, Version
from core.jobs import store as jobs
from core.jobs.specs import ExportSpec
from core.jobs.status.progress import ExportProgress
from ui import choices
from ui.datasets import export_routes
from ui.shared import downloads, job_state, live, submit
from ui.text import count, left, plain

LIVE_SECONDS = 0.7


def show(dataset: Dataset, version: Version) -> None:
    """Draw the three formats of an export, and the copy into a folder."""
    parts = version.split_counts()
    used = sum(parts[split] for split in export.USED)
    st.markdown(
        "**Photos in folders**: `<split>/<class>/<photo>`, original files plus the full manifest. "
        f"{count(used, 'photo')}."
    )
    st.link_button(
        "Download a ZIP",
        export_routes.address(version, "photos.zip"),
        icon=":material/folder_zip:",
        disabled=not used,
    )
    st.caption(
        "It can be imported again unchanged. The download starts at once; its size is unknown "
        "until it is built."
    )
    _folder(dataset, version)
    st.markdown(
        "**Table**: every row and column of the manifest, including photos left out and the reason."
    )
    address = export_routes.address(version, "table.csv")
    with st.container(horizontal=True):
        st.link_button("Download the CSV", address, icon=":material/table:")
        st.link_button("CSV for programs", f"{address}?exact=1", icon=":material/table:")
    st.caption(downloads.ABOUT_CSV)
    _manifest(version, [split for split in export.USED if parts[split]])


def _manifest(version: Version, splits: list[str]) -> None:
    st.markdown(
        "**Augmented manifest**: one JSON object per photo, in SageMaker Ground Truth's format, "
        "which SageMaker's built-in algorithms read."
    )
    field, right = st.columns([3, 2], vertical_alignment="bottom")
    prefix = field.text_input(
        "S3 prefix of the photos", key="ds_prefix", placeholder="s3://bucket/folder"
    )
    split = ""
    if splits:
        split = choices.segment(
            "Split", splits, label=str.capitalize, key="ds_export_split", on=right
        )
    wanted = prefix.strip()
    if wanted and not (wanted.startswith("s3://") and wanted[5:].strip("/")):
        st.caption(
            ":red[:material/error: Enter the S3 location of the photos, such as s3://bucket/folder.]"
        )
        wanted = ""
    words, icon = "Download the manifest", ":material/data_object:"
    if not (wanted and split):
        # A link that is disabled is a link to a screen reader all the same.
        st.button(words, key="ds_manifest", icon=icon, disabled=True)
        return
    address = export_routes.address(version, f"{split}.manifest")
    st.link_button(words, f"{address}?{urlencode({'prefix': wanted})}", icon=icon)


def _folder(dataset: Dataset, version: Version) -> None:
    """Draw the copy into a folder, which is a job: it keeps running when the page is closed."""
    running = next(
        (job for job in jobs.readable("export") if job.spec.get("dataset_id") == dataset.id), None
    )
    if running:
        running = backends.of(running).refresh(running)
        if not running.state.is_finished:
            live.job(_progress, running, LIVE_SECONDS)
            return
    roots = plain(", ".join(str(root) for root in settings.import_roots()))
    field, right = st.columns([3, 2], vertical_alignment="bottom")
    path = field.text_input(
        "Or copy to a new folder",
        key="ds_export_path",
        placeholder="/home/me/birds-v2",
        help=f"A folder that does not exist yet, inside {roots}.",
    )
    submit.button(
        "Copy photos",
        lambda job_id: backends.LOCAL.export(
            ExportSpec(dataset.name, dataset.id, version.id, path, id=job_id)
        ),
        lambda _: st.rerun(),
        form=f"ds_export_{version.id}",
        kind="export",
        key="ds_export",
        icon=":material/drive_file_move:",
        type="secondary",
        on=right,
    )
    if running:
        _ended(running)


def _ended(job: jobs.Job) -> None:
    if job.state is jobs.State.COMPLETED:
        st.success(
            f"Copied into {plain(_told(job).path or job.spec['path'])}.",
            icon=":material/check_circle:",
        )
    elif job.state is jobs.State.FAILED:
        st.error(plain(job.status.reason), icon=":material/error:")
    else:
        st.caption("The last export was stopped; its files were deleted.")


def _told(job: jobs.Job) -> ExportProgress:
    return ExportProgress.from_json(job.status.progress)


def _progress(job: jobs.Job) -> None:
    told = _told(job)
    words = f"Copying into {plain(job.spec['path'])}: {told.done:,} of {told.total:,}"
    with st.container(horizontal=True, vertical_alignment="center"):
        live.bar(told.done, told.total, words + left(told.eta_seconds))
        job_state.stop_button(job)
