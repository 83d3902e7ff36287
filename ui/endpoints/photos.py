"""The photos view of an endpoint: its sources, and every photo with its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from core.backends import Endpoint, EndpointState, ask
from ui import choices
from ui.endpoints import answer_dialog, sources
from ui.endpoints import answers as endpoint_answers
from ui.endpoints.answers import Answer, SentPhoto
from ui.endpoints.sources import Wall
from ui.notices import first_run
from ui.text import count, plain


def show(endpoint: Endpoint, endpoints: Sequence[Endpoint]) -> None:
    """Draw the view; `endpoints` are those whose answers can be shown side by side."""
    sources.show(endpoint, partial(_choose_other, endpoint, endpoints))
    wall = sources.wall_of(endpoint)
    if not wall.photos:
        st.caption(
            "You get the top five classes for each photo, with a warning where the answer is "
            "doubtful."
        )
        if wall.problems:
            _buttons(wall, {})
        return
    photos = endpoint_answers.apart(wall.photos)
    compared = [endpoint, *_chosen_other(endpoint, endpoints)]
    answers = {one.id: _fetch_answers(one, photos) for one in compared}
    if any(answers.values()):
        first_run.mark(first_run.ASKED)
    buttons = partial(_buttons, wall, answers)
    endpoint_answers.show(compared, photos, answers, buttons, answer_dialog.open_photo)


def _buttons(wall: Wall, answers: Mapping[str, dict[str, Answer]]) -> None:
    """Draw the buttons that send failed photos again and clear the wall."""
    failed = {
        photo.image_id
        for photo in wall.photos
        if any(_can_change(known[photo.image_id]) for known in answers.values())
    }
    if failed and st.button(
        f"Send {count(len(failed), 'photo')} again",
        key="dp_again",
        icon=":material/refresh:",
    ):
        for known in answers.values():
            for image_id in failed:
                del known[image_id]
        st.rerun()
    if st.button("Clear", key="dp_clear", icon=":material/clear_all:"):
        wall.clear()
        st.rerun()


def _can_change(answer: Answer) -> bool:
    return "failed" in answer and not answer.get("is_final")


def _others(endpoint: Endpoint, endpoints: Sequence[Endpoint]) -> dict[str, Endpoint]:
    return {
        one.id: one
        for one in endpoints
        if one.id != endpoint.id and one.state is EndpointState.IN_SERVICE
    }


def _choose_other(endpoint: Endpoint, endpoints: Sequence[Endpoint]) -> None:
    """Draw the choice of a second endpoint; it is kept in the address."""
    others = _others(endpoint, endpoints)
    if not others:
        return
    choices.thing(
        "Side by side with",
        ["", *others],
        what="endpoint",
        parameter="beside",
        label=lambda i: others[i].name if i else "no other endpoint",
        key=_other_key(endpoint),
    )


def _chosen_other(endpoint: Endpoint, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    chosen = st.session_state.get(_other_key(endpoint))
    return [one for one in _others(endpoint, endpoints).values() if one.id == chosen]


def _other_key(endpoint: Endpoint) -> str:
    return f"dp_beside_{endpoint.id}"


def _fetch_answers(endpoint: Endpoint, photos: Mapping[str, SentPhoto]) -> dict[str, Answer]:
    """Return the answers by image_id; each photo is sent once, however often the page is
    redrawn."""
    known: dict[str, Answer] = st.session_state.setdefault(f"dp_answers_{endpoint.id}", {})
    new = {photo.image_id: photo.path for photo in photos.values() if photo.image_id not in known}
    if new:
        words = f"Classifying with {plain(endpoint.name)}"
        bar = st.progress(0.0, text=words)
        for number, (image_id, answer) in enumerate(ask.ask_all(endpoint, new), 1):
            known[image_id] = answer
            bar.progress(number / len(new), text=f"{words}: {number} of {len(new)}")
        bar.empty()
    return known
