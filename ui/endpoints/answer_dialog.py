"""One photo in a dialog: each endpoint's answer, why it gave it, and what to do if it is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.backends import Endpoint
from core.errors import FieldmarkError
from core.io import images
from core.models import explain, similar
from core.models import store as models
from core.models.store import Model
from ui import links, messages
from ui.endpoints import answers as endpoint_answers
from ui.endpoints.answers import Answer, Answers, SentPhoto
from ui.predictions import photo_view
from ui.shared import class_picker
from ui.text import plain

LEAVE_OUT = "None of these classes"


@st.dialog("Photo", width="large")
def open_photo(endpoints: Sequence[Endpoint], photo: SentPhoto, answers: Answers) -> None:
    """Draw the dialog; `answers` by endpoint and image_id."""
    with messages.report_errors():
        picture, words = st.columns([3, 2], gap="medium")
        with picture:
            _picture(photo)
        with words:
            st.caption(plain(photo.name))
            if photo.label:
                st.markdown(f"Label: **{plain(photo.label)}**")
            for endpoint in endpoints:
                if len(endpoints) > 1:
                    st.markdown(f"**{plain(endpoint.name)}**")
                _answer(photo, answers[endpoint.id][photo.image_id])
        usable = [
            endpoint
            for endpoint in endpoints
            if "failed" not in answers[endpoint.id][photo.image_id]
        ]
        if usable:
            _correct(usable[0], photo, answers[usable[0].id][photo.image_id])
            _explain(usable, photo, answers)


def _picture(photo: SentPhoto) -> None:
    try:
        st.image(images.open_image(photo.path), width="stretch", alt=photo.label or photo.name)
    except FieldmarkError as error:
        st.warning(plain(str(error)))


def _answer(photo: SentPhoto, answer: Answer) -> None:
    """Draw the ranked classes, and a warning if the answer is doubtful."""
    if "failed" in answer:
        st.error(plain(answer["failed"]), icon=":material/error:")
        return
    lines = []
    for entry in answer["predictions"]:
        line = f"1. {plain(entry['label'])} :gray[{100 * entry['probability']:.1f} %]"
        if photo.label and entry["label"] == photo.label:
            line += " :green[:material/check:]"
        lines.append(line)
    st.markdown("\n".join(lines))
    if note := endpoint_answers.shrunk_note(answer):
        st.caption(note)
    if answer.get("unfamiliar"):
        st.markdown(
            ":orange-badge[unfamiliar] Unlike the training photos: do not trust this answer."
        )
    elif answer.get("unsure"):
        st.markdown(
            ":orange-badge[unsure] Below the model's threshold: the second class is possible, too."
        )


def _correct(endpoint: Endpoint, photo: SentPhoto, answer: Answer) -> None:
    """Draw the choice of the right class, and the button that adds the photo to the review
    queue."""
    model = models.read(endpoint.model_id)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        label = class_picker.show(
            "Wrong answer? Choose the right class",
            model.classes,
            leave_out=LEAVE_OUT,
            start=photo.label,
            key=f"dp_true_{photo.image_id}",
        )
    if right.button(
        "Add to the review queue", key=f"dp_flag_{photo.image_id}", icon=":material/flag:"
    ):
        endpoint_answers.add_to_review(endpoint, photo, answer, label)
        st.toast("Added 1 photo to the review queue.", icon=":material/rate_review:")


def _explain(endpoints: Sequence[Endpoint], photo: SentPhoto, answers: Answers) -> None:
    """Draw which parts of the photo decided, per endpoint, and the most similar training
    photos."""
    for endpoint in endpoints:
        model = models.read(endpoint.model_id)
        best = endpoint_answers.best_class(answers[endpoint.id][photo.image_id])
        labels = {best: "predicted"}
        if photo.label and photo.label != best and photo.label in model.classes:
            labels[photo.label] = "true"
        heading = "Where the model looks"
        if len(endpoints) > 1:
            heading = f"Where {plain(endpoint.name)} looks"
        st.markdown(f"**{heading}**")
        photo_view.evidence(
            model,
            photo.path,
            photo.image_id,
            labels,
            key=f"dp_evidence_{endpoint.id}_{photo.image_id}",
        )
    _similar(models.read(endpoints[0].model_id), photo)


def _similar(model: Model, photo: SentPhoto) -> None:
    st.markdown("**Most similar training photos**")
    key = f"dp_similar_{model.id}_{photo.image_id}"
    if not st.session_state.get(key):
        if not st.button(
            "Find similar photos",
            key=f"{key}_find",
            icon=":material/image_search:",
            help="Takes about a second. The result is cached.",
        ):
            return
        st.session_state[key] = True
    photo_view.similar(
        model,
        lambda: similar.similar_to_features(model, explain.features(model, photo.path)),
        key=key,
        on_open=lambda image_id: links.to("models", model=model.id, photo=image_id),
    )
