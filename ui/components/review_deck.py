"""Cards of photos whose label is decided with one click or one key: the proposed classes, leave
out, another class, undo.

Names are set as text, never as HTML. A decision takes its card away at once; Python gets every
decision, in order, however quickly they follow each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import streamlit as st

from ui.components import browser_code

_DECK = browser_code.component("fieldmark_review_deck", __file__)

Action = Literal["decide", "reopen", "undo"]


@dataclass(frozen=True)
class Option:
    """A class that a click or `shortcut` ('' for no key) chooses. `note` follows its name."""

    shortcut: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class Card:
    """One photo. `chosen` is the label decided on ('' for left out), None while undecided."""

    id: str
    url: str
    name: str
    detail: str
    options: tuple[Option, ...]
    chosen: str | None = None


@dataclass(frozen=True)
class Step:
    """What a person did: decided that photo `id` gets `label` ('': is left out), reopened it, or
    took the last step back."""

    action: Action
    id: str = ""
    label: str = ""


@dataclass(frozen=True)
class Result:
    """The steps since the last run; `opened` is the photo to show whole, `other` the photo to
    choose another class for ('' for none)."""

    steps: tuple[Step, ...]
    opened: str
    other: str


def review_deck(
    cards: Sequence[Card], *, key: str, undo: str = "", decided_go: bool = True
) -> Result:
    """Draw the cards; return what was done. `undo` names the last step, for the Undo button.
    `decided_go`: a decided card leaves the page."""
    applied = f"{key}.applied"
    data = {
        "cards": [asdict(card) for card in cards],
        "undo": undo,
        "decidedGo": decided_go,
        "applied": st.session_state.get(applied, ""),
    }
    result = _DECK(
        data=data,
        key=key,
        on_steps_change=_nothing,
        on_opened_change=_nothing,
        on_other_change=_nothing,
    )
    new = _new(result.steps or (), str(st.session_state.get(applied, "")))
    if new:
        st.session_state[applied] = str(new[-1]["key"])
    return Result(tuple(map(_step, new)), str(result.opened or ""), str(result.other or ""))


def _new(steps: Sequence[Mapping[str, object]], applied: str) -> Sequence[Mapping[str, object]]:
    """Return the steps after the one with the key `applied`; all of them if it is not there."""
    for place, step in enumerate(steps):
        if step["key"] == applied:
            return steps[place + 1 :]
    return steps


def _step(found: Mapping[str, object]) -> Step:
    action: Action = "decide"
    if found["action"] == "undo":
        action = "undo"
    elif found["action"] == "reopen":
        action = "reopen"
    return Step(action, str(found.get("id", "")), str(found.get("label", "")))


def _nothing() -> None: ...
