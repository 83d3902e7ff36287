"""Photos for an endpoint: dropped, pasted, from the camera or from the test split; each answered
once and shown with its answer."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from core import settings
from core.backends import Endpoint, EndpointState, ask
from core.datasets import remote, store
from core.errors import FieldmarkError
from core.models import explain
from core.models import store as models
from ui import choices
from ui.components.paste import paste_image
from ui.endpoints import answers as endpoint_answers
from ui.endpoints.answers import Answer, Asked
from ui.text import count, plain

TRIED = (12, 36, 120)
BESIDE_WIDTH = 260


def show(endpoint: Endpoint, endpoints: Sequence[Endpoint]) -> None:
    """The whole view; `endpoints` are those that may stand beside it."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = choices.segment("Photos", list(_FORMS), key="dp_source", bind="query-params")
        other = _other(endpoint, endpoints)
    asked = _FORMS[source](endpoint)
    kept: dict[str, Asked] = st.session_state.setdefault(f"dp_asked_{endpoint.id}", {})
    photos = endpoint_answers.apart(
        [*(item for item in kept.values() if item not in asked), *asked]
    )
    if not photos:
        st.caption(
            "One photo or many: each gets its five likeliest classes, and what to mind about them."
        )
        return
    shown = [endpoint]
    if other:
        shown.append(other)
    answers = {one.id: _answers(one, photos) for one in shown}
    endpoint_answers.show(shown, photos, answers)
    _again(photos, answers, kept)


def _again(
    photos: Mapping[str, Asked], answers: Mapping[str, dict[str, Answer]], kept: dict[str, Asked]
) -> None:
    """The buttons below the wall: ask about failed photos once more, and clear the wall."""
    ids = dict.fromkeys(item.image_id for item in photos.values())
    failed = [
        image_id
        for image_id in ids
        if any(_may_change(said[image_id]) for said in answers.values())
    ]
    with st.container(horizontal=True):
        if failed and st.button(
            f"Ask again about {count(len(failed), 'photo')}",
            key="dp_again",
            icon=":material/refresh:",
        ):
            for said in answers.values():
                for image_id in failed:
                    del said[image_id]
            st.rerun()
        if kept and st.button("Clear", key="dp_clear", icon=":material/clear_all:"):
            kept.clear()
            st.rerun()


def _may_change(answer: Answer) -> bool:
    return "failed" in answer and not answer.get("is_final")


def _other(endpoint: Endpoint, endpoints: Sequence[Endpoint]) -> Endpoint | None:
    """The endpoint to stand beside this one, from the address."""
    others = {
        one.id: one
        for one in endpoints
        if one.id != endpoint.id and one.state is EndpointState.IN_SERVICE
    }
    if not others:
        return None
    chosen = choices.thing(
        "Side by side with",
        ["", *others],
        what="endpoint",
        parameter="beside",
        label=lambda i: others[i].name if i else "nothing",
        key=f"dp_beside_{endpoint.id}",
        width=BESIDE_WIDTH,
    )
    return others.get(chosen or "")


def _dropped(endpoint: Endpoint) -> list[Asked]:
    uploads = st.file_uploader(
        "Drop photos here",
        type=[suffix.lstrip(".") for suffix in settings.IMAGE_SUFFIXES],
        accept_multiple_files=True,
        key=f"dp_drop_{endpoint.id}",
        max_upload_size=settings.MAX_IMAGE_BYTES // 2**20,
        label_visibility="collapsed",
    )
    return _put_away(
        endpoint, ((upload.file_id, upload.name, upload.getvalue) for upload in uploads)
    )


def _put_away(endpoint: Endpoint, uploads: Iterable[tuple[str, str, Any]]) -> list[Asked]:
    """Uploads as files, each looked at once however often the page is redrawn; what is no photo
    is said and left out."""
    known: dict[str, Asked | str] = st.session_state.setdefault(f"dp_uploads_{endpoint.id}", {})
    found = []
    for file_id, name, read in uploads:
        if file_id not in known:
            try:
                path = explain.keep_upload(read())
                known[file_id] = Asked(path.name.removeprefix("photo-"), path, name)
            except FieldmarkError as error:
                known[file_id] = f"{name}: {error}"
        item = known[file_id]
        if isinstance(item, Asked):
            found.append(item)
        else:
            st.error(plain(item), icon=":material/broken_image:")
    return found


def _test_photos(endpoint: Endpoint) -> list[Asked]:
    try:
        model = models.read(endpoint.model_id)
        dataset, version = (
            store.dataset(model.dataset_id),
            store.version(model.dataset_id, model.version_id),
        )
    except FieldmarkError:
        st.caption(
            "The dataset that this model was trained on is not here any more, so there are no "
            "test photos to try."
        )
        return []
    total = version.split_counts()["test"]
    if not total:
        st.caption("The dataset version that this model was trained on has no test photos.")
        return []
    with st.container(horizontal=True, vertical_alignment="center"):
        for number in sorted({min(number, total) for number in (*TRIED, total)}):
            words = f"Try {count(number, 'photo')}"
            if number == total:
                words = f"Try all {total:,}"
            if st.button(words, key=f"dp_try_{number}"):
                _try(endpoint, dataset, version, number)
    st.caption(
        f"Chosen by chance from the {total:,} test photos of {plain(dataset.name)}; right and "
        "wrong are marked."
    )
    return []


def _try(endpoint: Endpoint, dataset: store.Dataset, version: store.Version, number: int) -> None:
    rows = store.manifest_of(version, ["image_id", "path", "label"], [("split", "==", "test")])
    chosen = rows.iloc[random.sample(range(len(rows)), min(number, len(rows)))]
    remote.bring(dataset.root, chosen["path"])
    st.session_state[f"dp_asked_{endpoint.id}"] = {
        image_id: Asked(image_id, store.image_path(dataset, path), path, label)
        for image_id, path, label in zip(
            chosen["image_id"], chosen["path"], chosen["label"], strict=True
        )
    }


def _pasted(endpoint: Endpoint) -> list[Asked]:
    data = paste_image(key=f"dp_paste_{endpoint.id}")
    if data:
        return _added(endpoint, data, "pasted image")
    return []


def _camera(endpoint: Endpoint) -> list[Asked]:
    with st.container(width=520):
        picture = st.camera_input(
            "Camera", key=f"dp_camera_{endpoint.id}", label_visibility="collapsed"
        )
    if picture:
        return _added(endpoint, picture.getvalue(), "from the camera")
    return []


def _added(endpoint: Endpoint, data: bytes, name: str) -> list[Asked]:
    """One picture, first among those asked about so far."""
    found = _put_away(endpoint, [(hashlib.sha256(data).hexdigest(), name, lambda: data)])
    kept: dict[str, Asked] = st.session_state.setdefault(f"dp_asked_{endpoint.id}", {})
    st.session_state[f"dp_asked_{endpoint.id}"] = {
        **{item.image_id: item for item in found},
        **kept,
    }
    return found


_FORMS = {"Drop photos": _dropped, "Test photos": _test_photos, "Paste": _pasted, "Camera": _camera}


def _answers(endpoint: Endpoint, photos: Mapping[str, Asked]) -> dict[str, Answer]:
    """The answers by image_id; each photo is asked about once, however often the page is
    redrawn."""
    kept: dict[str, Answer] = st.session_state.setdefault(f"dp_answers_{endpoint.id}", {})
    new = {item.image_id: item.path for item in photos.values() if item.image_id not in kept}
    if new:
        bar = st.progress(0.0, text=f"Asking {plain(endpoint.name)}")
        for number, (image_id, answer) in enumerate(ask.ask_all(endpoint, new), 1):
            kept[image_id] = answer
            bar.progress(
                number / len(new), text=f"Asking {plain(endpoint.name)}: {number} of {len(new)}"
            )
        bar.empty()
    return kept
