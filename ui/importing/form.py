"""The form that imports photos: one tab per source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core import settings
from core.aws import s3
from core.datasets.importing import origins
from core.datasets.store import Dataset
from core.errors import UserError
from core.io import zip_names
from core.jobs.specs import PlanSpec
from ui import choices
from ui.importing import plan, published, uploads
from ui.importing import target as targets
from ui.importing.target import Target
from ui.text import plain

ARCHIVES = ["zip", "tar", "gz", "tgz", "bz2", "xz", "zst"]
DROPPED = [*(suffix.removeprefix(".") for suffix in settings.IMAGE_SUFFIXES), "csv", "tsv", "txt"]
LAYOUTS = """
| Layout | Example |
|:--|:--|
| Class folders | `cardinal/one.jpg` |
| Split folders | `train/cardinal/one.jpg`, with `validation` or `test` beside `train` |
| Photos and a table | `photos/one.jpg` and `labels.csv` (also TSV, JSON or Parquet) |
| Published datasets | CUB-200-2011, NABirds, Birdsnap, Oxford-IIIT Pet, Oxford Flowers 102, \
Stanford Cars |
| Labelling tools | COCO, Pascal VOC, Camtrap DP, Label Studio, FiftyOne, Datumaro, MegaDetector, \
SageMaker Ground Truth |
| Photos only | imported without labels |

Columns and folders are recognised by their names and contents. You can correct all of it in the
preview.
"""


def show(datasets: Mapping[str, Dataset]) -> None:
    """Show the form with all sources: folder, dropped folder, archive, Amazon S3, CUB-200-2011
    and the built-in sample."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            "Preview a folder or an archive, correct what was misread, then import.",
            width="content",
        )
        with st.popover("Supported layouts", icon=":material/help:", type="tertiary"):
            st.markdown(LAYOUTS)
    target = targets.ask(datasets)
    if target is None:
        return
    tabs = {
        ":material/folder_open: Folder": _folder,
        ":material/drive_folder_upload: Drop a folder": _dropped_folder,
        ":material/upload_file: Drop an archive": _archive,
        ":material/cloud: Amazon S3": _s3,
        ":material/cloud_download: CUB-200-2011": published.show_cub,
        ":material/draw: Sample": published.show_sample,
    }
    for tab, show_source in zip(st.tabs(list(tabs)), tabs.values(), strict=True):
        with tab:
            show_source(target)


def _folder(target: Target) -> None:
    roots = plain(", ".join(str(root) for root in settings.import_roots()))
    path = st.text_input("Folder", key="ds_folder", placeholder="/home/me/birds")
    refused = st.empty()
    st.caption(f"A folder on this machine, inside {roots}. The photos are not moved or copied.")
    name = target.ask_name("ds_folder_name", "folder")
    _preview_button(
        target,
        lambda: _folder_spec(path.strip(), name),
        name,
        key="ds_import_folder",
        refused=refused,
    )


def _folder_spec(path: str, name: str) -> PlanSpec:
    if not path:
        raise UserError("Enter the path of a folder.", field="path")
    origins.require_folder(Path(path))
    return PlanSpec(name=name or Path(path).name, source="folder", path=path)


def _dropped_folder(target: Target) -> None:
    st.markdown(
        "Drop a folder from your computer. For more than a few thousand photos, use its path or "
        "an archive instead."
    )
    uploaded = st.file_uploader(
        "Photos",
        type=DROPPED,
        accept_multiple_files="directory",
        key="ds_dropped",
        max_upload_size=settings.MAX_UPLOAD_MB,
        label_visibility="collapsed",
    )
    name = target.ask_name("ds_dropped_name", "folder")
    _preview_button(
        target,
        lambda: _dropped_folder_spec(uploaded, name),
        name,
        key="ds_import_dropped",
        disabled=not uploaded,
    )


def _dropped_folder_spec(uploaded: list[Any], name: str) -> PlanSpec:
    if not uploaded:
        raise UserError("Drop a folder first.", field="photos")
    first = uploaded[0].name
    top = first.replace("\\", "/").split("/")[0]
    title = name or "Dropped photos"
    if "/" in first:
        title = name or top or "Dropped photos"
    path = str(uploads.pack_folder(uploaded, title))
    return PlanSpec(name=title, source="archive", path=path, shown=top)


def _archive(target: Target) -> None:
    st.markdown(
        "Drop a ZIP or TAR file. It is checked before it is unpacked into Fieldmark's own folder."
    )
    upload = st.file_uploader(
        "Archive",
        type=ARCHIVES,
        key="ds_archive",
        max_upload_size=settings.MAX_UPLOAD_MB,
        label_visibility="collapsed",
    )
    name = target.ask_name("ds_archive_name", "archive")
    encoding = choices.one(
        "Encoding of file names",
        ["", *zip_names.ENCODINGS],
        label=lambda codec: zip_names.ENCODINGS.get(codec, "Detect"),
        key="ds_archive_encoding",
        width=360,
        help="For a ZIP that does not declare it. Choose one if names with accents or other "
        "scripts come out wrong.",
    )
    _preview_button(
        target,
        lambda: _archive_spec(upload, name, encoding),
        name,
        key="ds_import_archive",
        disabled=upload is None,
    )


def _archive_spec(upload: Any, name: str, encoding: str) -> PlanSpec:
    if upload is None:
        raise UserError("Drop an archive first.", field="archive")
    file_name = upload.name.replace("\\", "/").rsplit("/", 1)[-1]
    title = name or file_name.split(".")[0] or "Archive"
    path = str(uploads.save_archive(upload, title))
    return PlanSpec(name=title, source="archive", path=path, shown=upload.name, encoding=encoding)


def _s3(target: Target) -> None:
    uri = st.text_input("S3 prefix", key="ds_s3", placeholder=s3.EXAMPLE)
    refused = st.empty()
    st.caption(
        "Photos stay in S3 and are downloaded when needed. Uses this machine's AWS credentials "
        "(read access) and the region of the AWS page or AWS_REGION."
    )
    name = target.ask_name("ds_s3_name", "S3 folder")
    _preview_button(target, lambda: _s3_spec(uri, name), name, key="ds_import_s3", refused=refused)


def _s3_spec(uri: str, name: str) -> PlanSpec:
    place = s3.place_of(uri)
    with st.spinner("Checking the S3 location"):
        s3.require(place)
    return PlanSpec(
        name=name or place.prefix.rstrip("/").rsplit("/", 1)[-1] or place.bucket,
        source="s3",
        path=place.uri,
    )


def _preview_button(
    target: Target,
    make: Callable[[], PlanSpec],
    name: str = "",
    *,
    key: str,
    disabled: bool = False,
    refused: Any = None,
) -> None:
    """Show the button that previews the source described by `make`; `name` was typed by the
    person, or is ''. `refused` is the place below the field of the path, if there is one."""

    def spec() -> PlanSpec:
        plan_spec = target.apply_to(make())
        target.require_free_name(name)
        return plan_spec

    beside = {}
    if refused is not None:
        beside["path"] = refused
    plan.button("Preview import", spec, key=key, disabled=disabled, beside=beside)
