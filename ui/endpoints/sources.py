"""Where an endpoint's photos come from: dropped or browsed files, the clipboard, the model's test
split, and the camera."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from core import backends, settings
from core.backends import Endpoint
from core.datasets import remote, store
from core.datasets.store import Dataset, Version
from core.errors import BadImage, FieldmarkError
from core.io import files
from core.models import explain
from core.models import store as models
from ui import messages
from ui.components.paste import paste_image
from ui.endpoints.answers import SentPhoto
from ui.text import count, plain

TEST_PHOTOS = (12, 36, 120)
# An upload's id in this session, its name, and a function that returns its bytes.
Upload = tuple[str, str, Callable[[], bytes]]


@dataclass
class Wall:
    """The photos that this session sent to an endpoint, newest first.

    `problems` are the files that are not photos, with the reason. `rounds` counts how often the
    wall was cleared.
    """

    photos: list[SentPhoto] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    uploads: set[str] = field(default_factory=set)
    rounds: int = 0

    def add(self, photos: Iterable[SentPhoto]) -> None:
        self.photos = [*photos, *self.photos]

    def add_uploads(self, uploads: Iterable[Upload]) -> None:
        """Add each upload once, however often the page is redrawn."""
        photos = []
        for upload_id, name, read in uploads:
            if upload_id in self.uploads:
                continue
            self.uploads.add(upload_id)
            try:
                path = explain.keep_upload(read())
                photos.append(SentPhoto(path.name.removeprefix("photo-"), path, name))
            except BadImage as error:
                self.problems.append(f"{name}: {error}")
        self.add(photos)

    def replace_test_photos(self, photos: Iterable[SentPhoto]) -> None:
        """Add photos with a known class in place of those before; files without one stay."""
        self.photos = [*photos, *(photo for photo in self.photos if not photo.label)]

    def clear(self) -> None:
        self.photos, self.problems, self.uploads = [], [], set()
        self.rounds += 1


def wall_of(endpoint: Endpoint) -> Wall:
    """Return this session's wall of the endpoint."""
    wall: Wall = st.session_state.setdefault(f"dp_sent_{endpoint.id}", Wall())
    return wall


def show(endpoint: Endpoint, more: Callable[[], None]) -> None:
    """Draw every source and put the photos on the endpoint's wall.

    The drop zone is tall until there are photos. `more` draws what else belongs into the menu of
    options.
    """
    wall = wall_of(endpoint)
    upload_key = f"dp_drop_{endpoint.id}_{wall.rounds}"
    size = "tall"
    if wall.photos or st.session_state.get(upload_key):
        size = "flat"
    st.html(Path(__file__).with_name("sources.css"))
    with st.container(horizontal=True, key=f"dp_sources_{size}"):
        with st.container(key="dp_dropzone"):
            _drop_zone(wall, upload_key)
            if size == "tall":
                st.caption(limit_note(backends.of(endpoint).most_bytes(endpoint)))
        with st.container(width=230, key="dp_more_sources"):
            split = _test_split(endpoint)
            _try_button(wall, split, TEST_PHOTOS[0], is_main=True)
            with st.popover("More options", icon=":material/tune:", width="stretch"):
                has_camera = _options(wall, split, more)
    _paste(endpoint, wall)
    if has_camera:
        _camera(endpoint, wall)
    for problem in wall.problems:
        st.error(plain(problem), icon=":material/broken_image:")


def _drop_zone(wall: Wall, key: str) -> None:
    uploads = st.file_uploader(
        "Drop photos here, paste, or browse",
        type=[suffix.lstrip(".") for suffix in settings.IMAGE_SUFFIXES],
        accept_multiple_files=True,
        key=key,
        max_upload_size=settings.MAX_IMAGE_BYTES // 2**20,
        label_visibility="collapsed",
    )
    wall.add_uploads((upload.file_id, upload.name, upload.getvalue) for upload in uploads)


def limit_note(most: int) -> str:
    """Return what happens to photos above `most` bytes, the limit of the endpoint's requests."""
    return f"Photos above {files.human_bytes(most)} are shrunk before sending."


def _options(wall: Wall, split: tuple[Dataset, Version] | None, more: Callable[[], None]) -> bool:
    """Draw the menu; return whether the camera is on."""
    if split:
        total = split[1].split_counts()["test"]
        for number in sorted({min(number, total) for number in (*TEST_PHOTOS[1:], total)}):
            if number > TEST_PHOTOS[0]:
                _try_button(wall, split, number)
    more()
    return st.toggle("Use the camera", key="dp_camera_on")


def _test_split(endpoint: Endpoint) -> tuple[Dataset, Version] | None:
    """Return the model's dataset and version; None if they are deleted or have no test photos."""
    try:
        model = models.read(endpoint.model_id)
        dataset = store.dataset(model.dataset_id)
        version = store.version(model.dataset_id, model.version_id)
    except FieldmarkError:
        return None
    if not version.split_counts()["test"]:
        return None
    return dataset, version


def _try_button(
    wall: Wall, split: tuple[Dataset, Version] | None, number: int, *, is_main: bool = False
) -> None:
    """Draw the button that sends random test photos; disabled if the model has none."""
    label, about, total = f"Try {number} test photos", "The model's test photos are deleted.", 0
    if split:
        total = split[1].split_counts()["test"]
        label = f"Try {count(min(number, total), 'test photo')}"
        about = (
            f"Chosen at random from the {total:,} test photos of {plain(split[0].name)}. Right and "
            "wrong answers are marked."
        )
    if number == total and not is_main:
        label = f"Try all {total:,} test photos"
    kind = "secondary"
    if is_main:
        kind = "primary"
    pressed = st.button(
        label,
        key=f"dp_try_{number}",
        type=kind,  # type: ignore[arg-type]
        icon=":material/casino:",
        help=about,
        disabled=split is None,
        width="stretch",
    )
    if pressed and split:
        with messages.report_errors(), st.spinner("Reading the photos"):
            wall.replace_test_photos(_sample(*split, number))
            st.rerun()


def _sample(dataset: Dataset, version: Version, number: int) -> list[SentPhoto]:
    rows = store.manifest_of(version, ["image_id", "path", "label"], [("split", "==", "test")])
    chosen = rows.iloc[random.sample(range(len(rows)), min(number, len(rows)))]
    remote.bring(dataset.root, chosen["path"])
    return [
        SentPhoto(image_id, store.image_path(dataset, path), path, label)
        for image_id, path, label in zip(
            chosen["image_id"], chosen["path"], chosen["label"], strict=True
        )
    ]


def _paste(endpoint: Endpoint, wall: Wall) -> None:
    """Listen for photos that are pasted anywhere on the page."""
    with messages.report_errors():
        if data := paste_image(key=f"dp_paste_{endpoint.id}"):
            _add_picture(wall, data, "pasted photo")
            st.rerun()


def _camera(endpoint: Endpoint, wall: Wall) -> None:
    with st.container(width=520):
        picture = st.camera_input(
            "Camera",
            key=f"dp_camera_{endpoint.id}_{wall.rounds}",
            label_visibility="collapsed",
        )
    if picture:
        _add_picture(wall, picture.getvalue(), "camera photo")


def _add_picture(wall: Wall, data: bytes, name: str) -> None:
    wall.add_uploads([(hashlib.sha256(data).hexdigest(), name, lambda: data)])
