"""Answers of one endpoint, or of two side by side: the counts, the wall, and one photo with all
that can be said about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import streamlit as st

from core.backends import Endpoint
from core.datasets.editing import review
from core.errors import FieldmarkError
from core.io import files, images
from core.models import explain, similar
from core.models import store as models
from core.models.store import Model
from ui import choices, links, messages, paging
from ui.components.answer_wall import Bar, Card, Said, answer_wall
from ui.shared import class_picker, photo_view, thumbnails
from ui.text import count, plain, share

PAGE_SIZE = 60
FILTERS = ("All", "Wrong", "Unsure", "Unfamiliar", "Differ", "Failed")
LEAVE_OUT = "None of these classes"
# How wide a card is, by whether it has the answers of two endpoints.
CARD_SIDES = {False: 220, True: 400}

# What an endpoint said of one photo, in its own words, or why it said nothing (see core ask).
Answer = Mapping[str, Any]
# By endpoint and image_id.
Answers = Mapping[str, Mapping[str, Answer]]


@dataclass(frozen=True)
class Asked:
    """A photo an endpoint is asked about. `label` is its true class, '' where that is not known;
    `path` is where it lies.

    Two files of the same bytes are two of these, each with a `card` of its own.
    """

    image_id: str
    path: Path
    shown: str
    label: str = ""
    card: str = ""


def apart(items: Iterable[Asked]) -> dict[str, Asked]:
    """The photos by a card each, in their order: a file that is there twice, under whatever
    names, has two."""
    found: dict[str, Asked] = {}
    for item in items:
        copies = sum(other.image_id == item.image_id for other in found.values())
        card = item.image_id
        if copies:
            card = f"{item.image_id}.{copies}"
        found[card] = replace(item, card=card)
    return found


def show(endpoints: Sequence[Endpoint], asked: Mapping[str, Asked], answers: Answers) -> None:
    """`asked` by card, `answers` by endpoint and image_id; the first endpoint is the page's own."""
    for endpoint in endpoints:
        _summary(endpoint, list(asked.values()), answers[endpoint.id], named=len(endpoints) > 1)
    matching = {
        name: [item for item in asked.values() if _passes(name, item, answers)] for name in FILTERS
    }
    if len(endpoints) > 1:
        same = len(asked) - len(matching["Differ"])
        st.markdown(f"They agree on {share(same, len(asked))}.")
    offered = [name for name in FILTERS if matching[name]]
    chosen = choices.segment(
        "Show", offered, label=lambda n: f"{n} ({len(matching[n])})", key="dp_filter"
    )
    items = _page(matching[chosen])
    thumbnails.make_thumbnails(Path("/"), [(item.image_id, str(item.path)) for item in items])
    cards = [_card(item, endpoints, answers) for item in items]
    side = CARD_SIDES[len(endpoints) > 1]
    opened = answer_wall(cards, key=f"dp_wall_{endpoints[0].id}", side=side)
    _set_aside_button(endpoints[0], matching, answers)
    if opened in asked:
        _dialog(endpoints, asked[opened], answers)


def _summary(
    endpoint: Endpoint,
    asked: Sequence[Asked],
    answers: Mapping[str, Answer],
    *,
    named: bool,
) -> None:
    said = [
        (item, answers[item.image_id]) for item in asked if "failed" not in answers[item.image_id]
    ]
    known = [(item, answer) for item, answer in said if item.label]
    words = [count(len(said), "answer")]
    if named:
        words.insert(0, f"**{plain(endpoint.name)}**: ")
    if known:
        words.append(
            ", right on "
            f"{share(sum(_best(answer) == item.label for item, answer in known), len(known))}"
        )
    for flag in ("unsure", "unfamiliar"):
        if number := sum(bool(answer.get(flag)) for _, answer in said):
            words.append(f", {number} {flag}")
    if said:
        inside, around = (
            median(answer[name] for _, answer in said) for name in ("latency_ms", "round_trip_ms")
        )
        words.append(f"; median {inside:.1f} ms in the model, {around:.1f} ms there and back")
    st.markdown("".join(words) + ".")


def _passes(name: str, item: Asked, answers: Answers) -> bool:
    said = [answer[item.image_id] for answer in answers.values()]
    if name == "All":
        return True
    if name == "Failed":
        return any("failed" in answer for answer in said)
    if name == "Differ":
        return len({_best(answer) for answer in said}) > 1
    if name == "Wrong":
        return any(_is_wrong(item, answer) for answer in said)
    return any(bool(answer.get(name.lower())) for answer in said)


def _is_wrong(item: Asked, answer: Answer) -> bool:
    return bool(item.label) and "failed" not in answer and _best(answer) != item.label


def _best(answer: Answer) -> str:
    if answer.get("predictions"):
        return str(answer["predictions"][0]["label"])
    return ""


def _page(items: Sequence[Asked]) -> Sequence[Asked]:
    return items[paging.shown(len(items), PAGE_SIZE, key=f"dp_page_{len(items)}")]


def _card(item: Asked, endpoints: Sequence[Endpoint], answers: Answers) -> Card:
    said = tuple(
        _said(item, answers[one.id][item.image_id], one.name if len(endpoints) > 1 else "")
        for one in endpoints
    )
    return Card(
        item.card or item.image_id,
        thumbnails.url(item.image_id),
        item.shown.rsplit("/", 1)[-1],
        said,
    )


def _said(item: Asked, answer: Answer, who: str) -> Said:
    if "failed" in answer:
        return Said(who, failed=str(answer["failed"]))
    ranked = answer["predictions"]
    unsure = bool(answer["unsure"])
    badges: list[tuple[str, str]] = []
    notes: list[str] = []
    if _is_wrong(item, answer):
        badges.append(("wrong", "wrong"))
        notes.append(f"It is a {item.label}.")
    elif item.label:
        badges.append(("right", "right"))
    badges += [(flag, "mind") for flag in ("unsure", "unfamiliar") if answer.get(flag)]
    if answer.get("unfamiliar"):
        notes.append("Unlike everything seen in training.")
    notes.append(_shrunk(answer))
    note = " ".join(filter(None, notes))
    first = ranked[0]["label"]
    if unsure and len(ranked) > 1:
        first = f"{first} or {ranked[1]['label']}"
    bars = tuple(
        Bar(entry["label"], entry["probability"], _tone(rank, unsure))
        for rank, entry in enumerate(ranked[:5])
    )
    time = (
        f"{answer.get('latency_ms', 0):.1f} ms in the model, {answer['round_trip_ms']:.1f} ms "
        "there and back"
    )
    return Said(who, first, note=note, time=time, badges=tuple(badges), bars=bars)


def _tone(rank: int, unsure: bool) -> str:
    """Of the first two answers either may be right where the model is unsure."""
    if unsure and rank < 2:
        return "doubt"
    if rank == 0:
        return "best"
    return ""


def _shrunk(answer: Answer) -> str:
    if not answer.get("shrunk"):
        return ""
    before, after = map(files.human_bytes, answer["shrunk"])
    return f"Shrunk from {before} to {after} before it was asked."


def _set_aside_button(
    endpoint: Endpoint, matching: Mapping[str, Sequence[Asked]], answers: Answers
) -> None:
    """Everything in doubt into the review queue at once."""
    doubtful = {
        item.image_id: item for name in ("Wrong", "Unsure", "Unfamiliar") for item in matching[name]
    }
    with st.container(horizontal=True, vertical_alignment="center"):
        words = (
            "Those that are wrong, unsure or unfamiliar wait in the review queue with the model's "
            "answers; there they get their label."
        )
        label = f"Set {count(len(doubtful), 'photo')} aside for review"
        if doubtful and st.button(label, key="dp_aside", icon=":material/rate_review:", help=words):
            with messages.report_errors():
                for item in doubtful.values():
                    set_aside(endpoint, item, answers[endpoint.id][item.image_id])
                st.toast(
                    f"{count(len(doubtful), 'photo')} set aside.", icon=":material/rate_review:"
                )
        if waiting := review.count():
            links.link(
                "batch", f"Review queue ({waiting})", ":material/rate_review:", view="review"
            )


def doubt_of(answer: Mapping[Any, Any]) -> str:
    """Why an answer is in doubt by the model's own word, or the empty string."""
    for doubt in ("unsure", "unfamiliar"):
        if answer.get(doubt):
            return doubt
    return ""


def set_aside(endpoint: Endpoint, item: Asked, answer: Answer, true: str | None = None) -> None:
    """Puts the photo into the review queue; `true` is the class a person says it is
    (review.LEAVE_OUT: none), if they said so."""
    reason = doubt_of(answer) or "from an endpoint"
    if _is_wrong(item, answer):
        reason = "wrong"
    if true is not None:
        reason = "flagged by hand"
    entry = review.add(
        item.path,
        shown=item.shown,
        answer=answer["predictions"],
        model_id=endpoint.model_id,
        origin=endpoint.id,
        label=item.label,
        reason=reason,
    )
    if true is not None:
        review.propose([entry.id], true, decided=True)


@st.dialog("Photo", width="large")
def _dialog(endpoints: Sequence[Endpoint], item: Asked, answers: Answers) -> None:
    with messages.report_errors():
        picture, words = st.columns([3, 2], gap="medium")
        with picture:
            _picture(item)
        with words:
            st.caption(plain(item.shown))
            if item.label:
                st.markdown(f"It is a **{plain(item.label)}**.")
            for endpoint in endpoints:
                _words(
                    endpoint, item, answers[endpoint.id][item.image_id], named=len(endpoints) > 1
                )
        usable = [
            endpoint
            for endpoint in endpoints
            if "failed" not in answers[endpoint.id][item.image_id]
        ]
        if usable:
            _flag(usable[0], item, answers[usable[0].id][item.image_id])
            _explained(usable, item, answers)


def _picture(item: Asked) -> None:
    try:
        st.image(images.open_image(item.path), width="stretch", alt=item.label or item.shown)
    except FieldmarkError as error:
        st.warning(plain(str(error)))


def _words(endpoint: Endpoint, item: Asked, answer: Answer, *, named: bool) -> None:
    if named:
        st.markdown(f"**{plain(endpoint.name)}**")
    if "failed" in answer:
        st.error(plain(answer["failed"]), icon=":material/error:")
        return
    lines = []
    for entry in answer["predictions"]:
        line = f"1. {plain(entry['label'])} :gray[{entry['probability']:.1%}]"
        if item.label and entry["label"] == item.label:
            line += " :green[:material/check:]"
        lines.append(line)
    st.markdown("\n".join(lines))
    if words := _shrunk(answer):
        st.caption(words)
    if answer.get("unfamiliar"):
        st.markdown(
            ":orange-badge[unfamiliar] Unlike everything seen in training: do not trust this "
            "answer."
        )
    elif answer.get("unsure"):
        st.markdown(
            ":orange-badge[unsure] Below the model's threshold: it may as well be the second."
        )


def _flag(endpoint: Endpoint, item: Asked, answer: Answer) -> None:
    """What it really is, by a person's word, into the review queue."""
    model = models.read(endpoint.model_id)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        true = class_picker.show(
            "The answer is wrong? Say what it is.",
            model.classes,
            leave_out=LEAVE_OUT,
            start=item.label,
            key=f"dp_true_{item.image_id}",
        )
    if right.button("Set aside for review", key=f"dp_flag_{item.image_id}", icon=":material/flag:"):
        set_aside(endpoint, item, answer, true)
        st.toast("Set aside for review.", icon=":material/rate_review:")


def _explained(endpoints: Sequence[Endpoint], item: Asked, answers: Answers) -> None:
    for endpoint in endpoints:
        model = models.read(endpoint.model_id)
        best = _best(answers[endpoint.id][item.image_id])
        labels = {best: "predicted"}
        if item.label and item.label != best and item.label in model.classes:
            labels[item.label] = "true"
        who = "the model"
        if len(endpoints) > 1:
            who = plain(endpoint.name)
        st.markdown(f"**Where {who} looks**")
        photo_view.evidence(
            model,
            item.path,
            item.image_id,
            labels,
            key=f"dp_evidence_{endpoint.id}_{item.image_id}",
        )
    _similar(models.read(endpoints[0].model_id), item)


def _similar(model: Model, item: Asked) -> None:
    st.markdown("**The training photos most like it**")
    key = f"dp_similar_{model.id}_{item.image_id}"
    if not st.session_state.get(key):
        if not st.button(
            "Find them",
            key=f"{key}_find",
            icon=":material/image_search:",
            help="Takes about a second; the result is kept.",
        ):
            return
        st.session_state[key] = True
    photo_view.similar(
        model,
        lambda: similar.similar_to_features(model, explain.features(model, item.path)),
        key=key,
        on_open=lambda image_id: links.to("models", model=model.id, photo=image_id),
    )
