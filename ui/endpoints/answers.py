"""Answers of one endpoint, or of two side by side: the summary, the wall, and the review queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import streamlit as st

from core.backends import Endpoint
from core.datasets.editing import review
from core.io import files
from ui import choices, links, messages, paging
from ui.components.answer_wall import AnswerPanel, Bar, Card, answer_wall
from ui.shared import thumbnails
from ui.text import count, plain, share

PAGE_SIZE = 60
FILTERS = ("All", "Wrong", "Unsure", "Unfamiliar", "Differ", "Failed")
# How wide a card is, by whether it has the answers of two endpoints.
CARD_SIDES = {False: 195, True: 400}

# An endpoint's answer about one photo, or why there is none (see core ask).
Answer = Mapping[str, Any]
# By endpoint and image_id.
Answers = Mapping[str, Mapping[str, Answer]]


@dataclass(frozen=True)
class SentPhoto:
    """A photo that is sent to an endpoint, from the file `path`. `label` is its class, '' if that
    is not known.

    Two files with the same bytes are two of these, each with a `card` of its own.
    """

    image_id: str
    path: Path
    name: str
    label: str = ""
    card: str = ""


def apart(photos: Iterable[SentPhoto]) -> dict[str, SentPhoto]:
    """Return the photos by card, in their order; identical photos get a card each."""
    found: dict[str, SentPhoto] = {}
    for photo in photos:
        copies = sum(other.image_id == photo.image_id for other in found.values())
        card = photo.image_id
        if copies:
            card = f"{photo.image_id}.{copies}"
        found[card] = replace(photo, card=card)
    return found


def show(
    endpoints: Sequence[Endpoint],
    photos: Mapping[str, SentPhoto],
    answers: Answers,
    buttons: Callable[[], None],
    open_photo: Callable[[Sequence[Endpoint], SentPhoto, Answers], None],
) -> None:
    """Draw the summary, filters and cards; a click on a card calls `open_photo`.

    `photos` by card, `answers` by endpoint and image_id; the first endpoint is the page's own.
    `buttons` draws the buttons that belong beside the filters.
    """
    for endpoint in endpoints:
        summary = _summary(list(photos.values()), answers[endpoint.id])
        if len(endpoints) > 1:
            summary = f"**{plain(endpoint.name)}**: {summary}"
        st.markdown(summary)
    matching = {
        name: [photo for photo in photos.values() if _passes(name, photo, answers)]
        for name in FILTERS
    }
    if len(endpoints) > 1:
        same = len(photos) - len(matching["Differ"])
        st.markdown(f"Same class for {share(same, len(photos))}.")
    chosen = _filter_row(matching, buttons)
    page = _page(matching[chosen])
    thumbnails.make_thumbnails(Path("/"), [(photo.image_id, str(photo.path)) for photo in page])
    cards = [_card(photo, endpoints, answers) for photo in page]
    side = CARD_SIDES[len(endpoints) > 1]
    opened = answer_wall(cards, key=f"dp_wall_{endpoints[0].id}", side=side)
    _review_button(endpoints[0], matching, answers)
    if opened in photos:
        open_photo(endpoints, photos[opened], answers)


def _filter_row(matching: Mapping[str, Sequence[SentPhoto]], buttons: Callable[[], None]) -> str:
    """Draw the filters that match photos, and the buttons; return the chosen filter."""
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = choices.segment(
            "Show",
            [name for name in FILTERS if matching[name]],
            label=lambda n: f"{n} ({len(matching[n])})",
            key="dp_filter",
            label_visibility="collapsed",
        )
        buttons()
    return chosen


def _summary(photos: Sequence[SentPhoto], answers: Mapping[str, Answer]) -> str:
    """Return counts, accuracy on photos with a label, and median times in a sentence."""
    answered = [
        (photo, answers[photo.image_id])
        for photo in photos
        if "failed" not in answers[photo.image_id]
    ]
    labelled = [(photo, answer) for photo, answer in answered if photo.label]
    words = [count(len(answered), "answer")]
    if labelled:
        right = sum(best_class(answer) == photo.label for photo, answer in labelled)
        words.append(f"right on {share(right, len(labelled))}")
    for flag in ("unsure", "unfamiliar"):
        if number := sum(bool(answer.get(flag)) for _, answer in answered):
            words.append(f"{number} {flag}")
    text = ", ".join(words)
    if answered:
        inside, around = (
            median(answer[name] for _, answer in answered)
            for name in ("latency_ms", "round_trip_ms")
        )
        text += f"; median {_times(inside, around)}"
    return f"{text}."


def _times(inference: float, round_trip: float) -> str:
    return f"{inference:.0f} ms inference, {round_trip:.0f} ms round trip"


def _passes(name: str, photo: SentPhoto, answers: Answers) -> bool:
    given = [answer[photo.image_id] for answer in answers.values()]
    if name == "All":
        return True
    if name == "Failed":
        return any("failed" in answer for answer in given)
    if name == "Differ":
        return len({best_class(answer) for answer in given}) > 1
    if name == "Wrong":
        return any(is_wrong(photo, answer) for answer in given)
    return any(bool(answer.get(name.lower())) for answer in given)


def is_wrong(photo: SentPhoto, answer: Answer) -> bool:
    """Return whether the top class is not the photo's label; False without a label."""
    return bool(photo.label) and "failed" not in answer and best_class(answer) != photo.label


def best_class(answer: Answer) -> str:
    """Return the top class, or '' if there is no answer."""
    if answer.get("predictions"):
        return str(answer["predictions"][0]["label"])
    return ""


def _page(photos: Sequence[SentPhoto]) -> Sequence[SentPhoto]:
    return photos[paging.shown(len(photos), PAGE_SIZE, key=f"dp_page_{len(photos)}")]


def _card(photo: SentPhoto, endpoints: Sequence[Endpoint], answers: Answers) -> Card:
    panels = tuple(
        _panel(photo, answers[one.id][photo.image_id], one.name if len(endpoints) > 1 else "")
        for one in endpoints
    )
    return Card(
        photo.card or photo.image_id,
        thumbnails.url(photo.image_id),
        photo.name.rsplit("/", 1)[-1],
        panels,
    )


def _panel(photo: SentPhoto, answer: Answer, endpoint_name: str) -> AnswerPanel:
    if "failed" in answer:
        return AnswerPanel(endpoint_name, failed=str(answer["failed"]))
    ranked = answer["predictions"]
    unsure = bool(answer["unsure"])
    badges: list[tuple[str, str]] = []
    notes: list[str] = []
    if is_wrong(photo, answer):
        badges.append(("wrong", "wrong"))
        notes.append(f"Label: {photo.label}.")
    elif photo.label:
        badges.append(("right", "right"))
    badges += [(flag, "mind") for flag in ("unsure", "unfamiliar") if answer.get(flag)]
    if answer.get("unfamiliar"):
        notes.append("Unlike the training photos.")
    notes.append(shrunk_note(answer))
    first = ranked[0]["label"]
    if unsure and len(ranked) > 1:
        first = f"{first} or {ranked[1]['label']}"
    bars = tuple(
        Bar(entry["label"], entry["probability"], _tone(rank, unsure))
        for rank, entry in enumerate(ranked[:5])
    )
    return AnswerPanel(
        endpoint_name,
        first,
        note=" ".join(filter(None, notes)),
        time=_times(answer.get("latency_ms", 0), answer["round_trip_ms"]),
        badges=tuple(badges),
        bars=bars,
    )


def _tone(rank: int, unsure: bool) -> str:
    """Return the colour of a bar: if the model is unsure, either of the top two may be right."""
    if unsure and rank < 2:
        return "doubt"
    if rank == 0:
        return "best"
    return ""


def shrunk_note(answer: Answer) -> str:
    """Return what was done to a photo that was too large to send, or ''."""
    if not answer.get("shrunk"):
        return ""
    before, after = map(files.human_bytes, answer["shrunk"])
    return f"Shrunk from {before} to {after} before sending."


def _review_button(
    endpoint: Endpoint, matching: Mapping[str, Sequence[SentPhoto]], answers: Answers
) -> None:
    """Draw the button that adds every doubtful photo to the review queue."""
    doubtful = {
        photo.image_id: photo
        for name in ("Wrong", "Unsure", "Unfamiliar")
        for photo in matching[name]
    }
    with st.container(horizontal=True, vertical_alignment="center"):
        about = "Adds the wrong, unsure and unfamiliar photos, so that you can label them."
        label = f"Add {count(len(doubtful), 'photo')} to the review queue"
        if doubtful and st.button(label, key="dp_aside", icon=":material/rate_review:", help=about):
            with messages.report_errors():
                for photo in doubtful.values():
                    add_to_review(endpoint, photo, answers[endpoint.id][photo.image_id])
                st.toast(
                    f"Added {count(len(doubtful), 'photo')} to the review queue.",
                    icon=":material/rate_review:",
                )
        if waiting := review.count():
            links.link(
                "batch", f"Review queue ({waiting})", ":material/rate_review:", view="review"
            )


def doubt_of(answer: Mapping[Any, Any]) -> str:
    """Return why the model doubts its answer, `unsure` or `unfamiliar`, or ''."""
    for doubt in ("unsure", "unfamiliar"):
        if answer.get(doubt):
            return doubt
    return ""


def add_to_review(
    endpoint: Endpoint, photo: SentPhoto, answer: Answer, label: str | None = None
) -> None:
    """Add the photo to the review queue; `label` is the class that a person gave it
    (review.LEAVE_OUT: none), if one did."""
    reason = doubt_of(answer) or "from an endpoint"
    if is_wrong(photo, answer):
        reason = "wrong"
    if label is not None:
        reason = "flagged by hand"
    entry = review.add(
        photo.path,
        shown=photo.name,
        answer=answer["predictions"],
        model_id=endpoint.model_id,
        origin=endpoint.id,
        label=photo.label,
        reason=reason,
    )
    if label is not None:
        review.propose([entry.id], label, decided=True)
