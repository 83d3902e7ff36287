"""The form that starts a batch: the model and the photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import PurePath
from typing import Any

import streamlit as st

from core import settings
from core.batch import sources
from core.datasets import store
from core.errors import UserError
from core.io import files
from core.jobs.specs import TransformSpec
from core.models.store import Model
from ui import choices, links, messages
from ui.models import list as model_list
from ui.shared import crop_notice, serving_form, submit, version_picker
from ui.text import count, plain

SOURCES = {
    "split": ":material/photo_library: A dataset",
    "folder": ":material/folder_open: A folder on this machine",
    "archive": ":material/folder_zip: An archive",
    "upload": ":material/upload: Photos",
    "s3": ":material/cloud: S3",
}
HERE = "Runs on this workstation, and keeps running if you close this page or the app."
ELSEWHERE = (
    "Uploads the photos that are not in the bucket yet. Keeps running if you close this page or "
    "the app."
)
NO_SPLIT = "all"


def show(models: Sequence[Model]) -> None:
    """Draw the form. A double click on Run creates one job."""
    if not models:
        st.info(
            "No models yet. Train one first.",
            icon=":material/model_training:",
        )
        links.button(
            "Train a model",
            "train",
            key="ba_train",
            icon=":material/model_training:",
            kind="primary",
        )
        return
    by_id = {model.id: model for model in models}
    with st.container(border=True, key="ba_form"):
        where = serving_form.backend("ba")
        left, right = st.columns([3, 2])
        chosen = model_list.choose(by_id, key="ba_model", on=left)
        kinds = [kind for kind in SOURCES if kind != "s3" or where.asks_resources]
        kind = choices.segment("Photos from", kinds, label=SOURCES.__getitem__, key="ba_source")
        if chosen is None:
            return
        make, proposed = _FORMS[kind](by_id[chosen])
        crop_notice.warn(by_id[chosen])
        name = right.text_input(
            "Name", key="ba_name", placeholder=proposed, max_chars=settings.MAX_NAME_LENGTH
        )
        with messages.report_errors():
            resources = None
            if where.asks_resources:
                resources = serving_form.batch("ba")
            submit.button(
                "Run",
                lambda job_id: where.transform(
                    make(name=name or proposed, model_id=chosen, id=job_id, resources=resources)
                ),
                lambda job: links.to("batch", job=job.id),
                form="ba",
                kind="transform",
                key="ba_run",
                icon=":material/play_arrow:",
                disabled=make is _refuse_without_photos,
            )
        st.caption(ELSEWHERE if where.asks_resources else HERE)


# Returns the spec for the chosen photos, given the fields that all batches have: name, model, id,
# resources.
Make = Callable[..., TransformSpec]


def _refuse_without_photos(**_: Any) -> TransformSpec:
    raise UserError("Choose photos first.", field="photos")


def _split(model: Model) -> tuple[Make, str]:
    datasets = {item.id: item for item in store.datasets() if isinstance(item, store.Dataset)}
    if not datasets:
        st.info("No datasets yet.", icon=":material/photo_library:")
        return _refuse_without_photos, "Batch"
    left, right = st.columns(2)
    own = model.dataset_id
    chosen = version_picker.dataset(datasets, key=f"ba_dataset_{model.id}", start=own, on=left)
    if chosen is None:
        return _refuse_without_photos, "Batch"
    learned_from = ""
    if chosen == own:
        learned_from = model.version_id
    version = version_picker.version(
        chosen, key=f"ba_version_{model.id}_{chosen}", start=learned_from, on=right
    )
    if version is None:
        return _refuse_without_photos, "Batch"
    picked = version.id
    parts = {split: n for split, n in version.split_counts().items() if n}
    parts[NO_SPLIT] = sum(parts.values())
    split = choices.segment(
        "Split",
        list(parts),
        start="test" if "test" in parts else NO_SPLIT,
        label=lambda s: f"{s.capitalize()} ({parts[s]:,})",
        key=f"ba_split_{chosen}_{picked}",
    )
    if chosen == own and split not in ("test", "unused"):
        st.caption(
            ":material/info: The model was trained on some of these photos, so its accuracy on "
            "them is too high."
        )
    title = f"{datasets[chosen].name}, {split}"
    if split == NO_SPLIT:
        title = f"{datasets[chosen].name}, all photos"

    make = partial(
        TransformSpec,
        source="split",
        dataset_id=chosen,
        version_id=picked,
        split=split,
        shown=f"{title}, {picked}",
    )
    return make, title


def _folder(_: Model) -> tuple[Make, str]:
    roots = plain(", ".join(str(root) for root in settings.import_roots()))
    path = st.text_input(
        "Folder", key="ba_folder", placeholder="/home/me/trail-camera", help=f"Inside {roots}."
    ).strip()
    st.caption(
        "Reads every photo in the folder and its subfolders; changes nothing there. Photos in a "
        "subfolder named like a class get that class as their label, and the predictions are "
        "scored."
    )
    make = partial(TransformSpec, source="folder", path=path, shown=path)
    return make, PurePath(path).name or "Folder"


def _archive(_: Model) -> tuple[Make, str]:
    where = choices.segment("Archive", ["Upload", "On this machine"], key="ba_archive_where")
    if where == "On this machine":
        path = st.text_input("Path", key="ba_archive_path", placeholder="/data/june.zip").strip()
        there = PurePath(path)
        make = partial(TransformSpec, source="archive", path=path, shown=there.name)
        return make, there.stem or "Archive"
    upload = st.file_uploader(
        "ZIP or TAR",
        type=["zip", "tar", "gz", "tgz", "bz2", "xz", "zst"],
        key="ba_archive",
        max_upload_size=settings.MAX_UPLOAD_MB,
        label_visibility="collapsed",
    )
    if upload is None:
        return _refuse_without_photos, "Archive"
    name = upload.name.replace("\\", "/").rsplit("/", 1)[-1]

    def keep(**common: Any) -> TransformSpec:
        path = str(sources.keep_archive(upload, upload.size))
        return TransformSpec(source="archive", path=path, shown=name, **common)

    return keep, name.split(".")[0] or "Archive"


def _upload(_: Model) -> tuple[Make, str]:
    whole = st.toggle("Upload a folder with its subfolders", key="ba_whole")
    uploads = st.file_uploader(
        "Photos",
        type=[suffix.removeprefix(".") for suffix in settings.IMAGE_SUFFIXES],
        accept_multiple_files="directory" if whole else True,
        key=f"ba_photos_{whole}",
        max_upload_size=settings.MAX_IMAGE_BYTES // 2**20,
        label_visibility="collapsed",
    )
    if not uploads:
        st.caption(
            "For more than a few hundred photos, choose a folder on this machine instead: it needs "
            "no upload."
        )
        return _refuse_without_photos, "Photos"
    st.caption(
        f"{count(len(uploads), 'photo')}, "
        f"{files.human_bytes(sum(upload.size for upload in uploads))}"
    )

    words = count(len(uploads), "photo")

    def keep(**common: Any) -> TransformSpec:
        path = str(sources.keep_uploads((upload.name, upload) for upload in uploads))
        return TransformSpec(source="upload", path=path, shown=words, **common)

    return keep, words


def _s3(_: Model) -> tuple[Make, str]:
    path = st.text_input("S3 prefix", key="ba_s3", placeholder="s3://my-photos/june/").strip()
    st.caption(
        "Reads every photo under the prefix, or those in a SageMaker manifest (.manifest or "
        ".json). The role needs read access. Photos in a folder named like a class get that class "
        "as their label."
    )
    make = partial(TransformSpec, source="s3", path=path, shown=path)
    return make, PurePath(path).name or "S3"


_FORMS = {"split": _split, "folder": _folder, "archive": _archive, "upload": _upload, "s3": _s3}
