"""The ways in which photos come in, a tab each: into a new dataset, or as the next version of
one that is there."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from core import settings
from core.aws import s3
from core.datasets import store
from core.datasets.importing import cub, extending
from core.datasets.store import Dataset
from core.errors import UserError
from core.io import files
from core.io.names import clean_name
from core.jobs import inbox
from core.jobs.specs import ImportSpec, PlanSpec
from ui import choices, links
from ui.importing import plan
from ui.importing import progress as import_progress
from ui.shared import version_picker
from ui.text import plain

Spec = TypeVar("Spec", ImportSpec, PlanSpec)

NEW = "A new dataset"
ARCHIVES = ["zip", "tar", "gz", "tgz", "bz2", "xz", "zst"]
DROPPED = [*(suffix.removeprefix(".") for suffix in settings.IMAGE_SUFFIXES), "csv", "tsv", "txt"]
JOINS = {
    "train": "All to train",
    "shared": "Shared out: 70 % train, 15 % validation, 15 % test",
    "unused": "None yet: they wait as unused",
}


@dataclass(frozen=True)
class Into:
    """The dataset that photos are brought into, as its next version; where there is none, a new
    one."""

    dataset: Dataset | None = None
    version_id: str = ""
    join: str = "train"
    into_own_folder: bool = False

    def applied(self, spec: Spec) -> Spec:
        if self.dataset is None:
            return spec
        return replace(
            spec,
            name=self.dataset.name,
            dataset_id=self.dataset.id,
            version_id=self.version_id,
            join=self.join,
            into_own_folder=self.into_own_folder,
        )


def form(datasets: Mapping[str, Dataset]) -> None:
    """Every way in: a folder here, a folder or an archive dropped on the page, Amazon S3,
    CUB-200-2011, the built-in sample."""
    into = _into(datasets)
    if into is None:
        return
    tabs = {
        ":material/folder_open: A folder here": _folder,
        ":material/drive_folder_upload: Drop a folder": _dropped,
        ":material/upload_file: Drop an archive": _archive,
        ":material/cloud: Amazon S3": _s3,
        ":material/cloud_download: CUB-200-2011": _cub,
        ":material/draw: The sample": _sample,
    }
    for tab, show in zip(st.tabs(list(tabs)), tabs.values(), strict=True):
        with tab:
            show(into)


def _into(datasets: Mapping[str, Dataset]) -> Into | None:
    """A new dataset, or which one, and where the new photos go there; None until one is chosen."""
    wanted = links.parameter("into")
    if not datasets:
        return Into()
    left, right = st.columns(2)
    chosen = choices.thing(
        "Into",
        ["", *datasets],
        what="dataset",
        wanted=wanted,
        label=lambda i: datasets[i].name if i else NEW,
        hint=lambda i: version_picker.made(datasets[i]),
        key=f"ds_into_{wanted}",
        help=(
            "Photos brought into a dataset make its next version; photos that it has already are "
            "not taken twice."
        ),
        on=left,
    )
    if chosen is None:
        return None
    if not chosen:
        return Into()
    dataset = datasets[chosen]
    join = choices.one(
        "New photos go",
        list(JOINS),
        label=JOINS.__getitem__,
        key="ds_join",
        help="Test photos that stay the same keep models comparable.",
        on=right,
    )
    own = extending.is_own_folder(dataset) and st.checkbox(
        f"Photos from elsewhere may be copied into {plain(str(dataset.root / extending.ADDED))}",
        key="ds_into_own",
        help=(
            "This dataset's photos lie in your own folder. Photos that you put there yourself "
            "need no copy: import that folder."
        ),
    )
    return Into(dataset, store.latest(chosen).id, join, bool(own))


def _name(into: Into, key: str, source: str) -> str:
    """What the new dataset is to be called; nothing to ask where there is one."""
    if into.dataset is not None:
        return into.dataset.name
    return st.text_input(
        "Name", key=key, placeholder=f"Taken from the {source}", max_chars=settings.MAX_NAME_LENGTH
    )


def _folder(into: Into) -> None:
    st.markdown(
        "One folder per class with its photos inside (`cardinal/one.jpg`), folders `train`, "
        "`validation` and `test` of such folders, photos with a table of their labels, a published "
        "dataset as it is, or photos without labels. You see what was understood, and can change "
        "it, before anything is imported. The photos stay where they are."
    )
    roots = plain(", ".join(str(root) for root in settings.import_roots()))
    path = st.text_input(
        "Folder", key="ds_folder", placeholder="/home/me/birds", help=f"Inside {roots}."
    )
    name = _name(into, "ds_folder_name", "folder")
    _look(
        "Look into the folder",
        into,
        lambda: PlanSpec(name=name or Path(path.strip()).name, source="folder", path=_given(path)),
        name,
        key="ds_import_folder",
    )


def _dropped(into: Into) -> None:
    st.markdown(
        "A folder of the same layouts, with all that is in it. For more than a few thousand "
        "photos give its path, or an archive."
    )
    uploads = st.file_uploader(
        "Photos",
        type=DROPPED,
        accept_multiple_files="directory",
        key="ds_dropped",
        max_upload_size=settings.MAX_UPLOAD_MB,
        label_visibility="collapsed",
    )
    name = _name(into, "ds_dropped_name", "folder")
    _look(
        "Look into what was dropped",
        into,
        lambda: _dropped_spec(uploads, name),
        name,
        key="ds_import_dropped",
        disabled=not uploads,
    )


def _dropped_spec(uploads: list[Any], name: str) -> PlanSpec:
    if not uploads:
        raise UserError("Drop a folder first.", field="photos")
    first = uploads[0].name
    top = first.replace("\\", "/").split("/")[0]
    title = name or "Dropped photos"
    if "/" in first:
        title = name or top or "Dropped photos"
    path = str(_packed(uploads, title))
    return PlanSpec(name=title, source="archive", path=path, shown=top)


def _archive(into: Into) -> None:
    st.markdown(
        "A ZIP or TAR of the same layouts. It is checked before anything is unpacked, and "
        "unpacked into Fieldmark's own folder."
    )
    upload = st.file_uploader(
        "Archive",
        type=ARCHIVES,
        key="ds_archive",
        max_upload_size=settings.MAX_UPLOAD_MB,
        label_visibility="collapsed",
    )
    name = _name(into, "ds_archive_name", "archive")
    _look(
        "Look into the archive",
        into,
        lambda: _archive_spec(upload, name),
        name,
        key="ds_import_archive",
        disabled=upload is None,
    )


def _archive_spec(upload: Any, name: str) -> PlanSpec:
    if upload is None:
        raise UserError("Drop an archive first.", field="archive")
    file_name = upload.name.replace("\\", "/").rsplit("/", 1)[-1]
    title = name or file_name.split(".")[0] or "Archive"
    path = str(_kept(upload, title))
    return PlanSpec(name=title, source="archive", path=path, shown=upload.name)


def _s3(into: Into) -> None:
    st.markdown(
        "A folder in Amazon S3 of the same layouts. Every photo is read once to be checked, and "
        "**stays in S3**: what is looked at or trained on is fetched when it is needed. "
        "SageMaker's jobs take the photos from there without a detour over this machine."
    )
    place = st.text_input("Place in S3", key="ds_s3", placeholder=s3.EXAMPLE)
    st.caption(
        "With this machine's own AWS credentials, and the region of the AWS page or of "
        "AWS_REGION. Only reading is needed."
    )
    name = _name(into, "ds_s3_name", "folder")
    _look("Look into S3", into, lambda: _s3_spec(place, name), name, key="ds_import_s3")


def _s3_spec(text: str, name: str) -> PlanSpec:
    place = s3.place_of(text)
    with st.spinner("Looking into it"):
        s3.require(place)
    return PlanSpec(
        name=name or place.prefix.rstrip("/").rsplit("/", 1)[-1] or place.bucket,
        source="s3",
        path=place.uri,
    )


def _cub(into: Into) -> None:
    st.markdown(
        "**The Caltech-UCSD Birds-200-2011 dataset**: 11,788 photos of 200 species with boxes and "
        "an official split, for research and education (Wah and others, 2011). It is downloaded "
        "from where it is published, continued where the connection breaks, and checked."
    )
    names = cub.species()
    choice = choices.segment(
        "Species", ["All 200", "Eight that look different", "Some"], key="ds_cub_which"
    )
    chosen: list[str] = []
    if choice == "Some":
        chosen = choices.many("Which", names, key="ds_cub_species", placeholder="Two or more")
    elif choice != "All 200":
        chosen = [names[number - 1] for number in cub.EIGHT]
        st.caption(", ".join(chosen))
    path = st.text_input(
        "An archive that you have already",
        key="ds_cub_path",
        placeholder="/home/me/Downloads/CUB_200_2011.tgz",
    )
    there = bool(path.strip()) or cub.kept() is not None
    share, usable = 1.0, True
    if choice != "All 200":
        share, usable = len(chosen) / len(names), len(chosen) > 1
    needed = files.human_bytes(cub.needed(share, has_archive=there))
    free = files.human_bytes(files.free_bytes(settings.downloads_dir()))
    st.caption(f"Needs {needed} of {free} free. {_archive_words(path)}")
    _button(
        "Import the birds" if there else "Download and import",
        into,
        lambda: ImportSpec(
            name="CUB-200-2011", source="cub", path=path.strip(), classes=tuple(chosen)
        ),
        key="ds_import_cub",
        disabled=not usable,
    )


def _archive_words(path: str) -> str:
    if path.strip():
        return "The archive is checked by its MD5; nothing is downloaded."
    if found := cub.kept():
        kept = plain(str(found))
        return f"The archive was downloaded before and is kept in {kept}; delete it when you like."
    return (
        f"The archive ({files.human_bytes(cub.PUBLISHED.size)}) is kept, so that other species "
        "need no second download."
    )


def _sample(into: Into) -> None:
    st.markdown(
        "A sketchbook of bird **drawings**, made by Fieldmark on this machine: ten species, sixty "
        "drawings each, two of the species easy to confuse. Good for learning your way around, "
        "not for recognising real birds."
    )
    _button(
        "Make the sketchbook",
        Into(),
        lambda: ImportSpec(name="Sketchbook", source="sample"),
        key="ds_import_sample",
        icon=":material/draw:",
        disabled=into.dataset is not None,
    )


def _given(path: str) -> str:
    if not path.strip():
        raise UserError("Say which folder to import.", field="folder")
    return path.strip()


def _look(
    label: str,
    into: Into,
    make: Callable[[], PlanSpec],
    typed: str = "",
    *,
    key: str,
    disabled: bool = False,
) -> None:
    """The button below one of the ways in that are looked into first; `typed` is the name that a
    person gave."""

    def spec() -> PlanSpec:
        made = into.applied(make())
        if typed and into.dataset is None:
            store.require_free(typed)
        return made

    plan.button(label, spec, key=key, disabled=disabled)


def _button(
    label: str,
    into: Into,
    make: Callable[[], ImportSpec],
    *,
    key: str,
    icon: str = ":material/download:",
    disabled: bool = False,
) -> None:
    """The button below one of the ways in whose photos are known."""
    import_progress.button(
        label, lambda: into.applied(make()), key=key, icon=icon, disabled=disabled
    )


def _kept(upload: Any, title: str) -> Path:
    """Saves an upload under a name of ours; the client's name is only ever shown. Nothing is
    saved where `title` can't be a dataset's name."""
    clean_name(title, "name")
    files.require_free_space(settings.uploads_dir(), 2 * upload.size, "This archive and its photos")
    path = inbox.new_archive()
    with files.atomic(path) as target:
        shutil.copyfileobj(upload, target)
    return path


def _packed(uploads: list[Any], title: str) -> Path:
    """The files of a dropped folder as an archive: what arrives under names that a client made
    up is checked as any other archive."""
    clean_name(title, "name")
    files.require_free_space(
        settings.uploads_dir(), 2 * sum(upload.size for upload in uploads), "These photos"
    )
    path = inbox.new_archive()
    with files.atomic(path) as target, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for upload in uploads:
            archive.writestr(zipfile.ZipInfo(upload.name), upload.getbuffer())
    return path
