"""A wall of answers: each photo with its top classes as bars, and its warnings. One component
draws all cards, so hundreds stay fast.

Names are set as text, never as HTML. A click returns the card's id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from ui.components import browser_code

_WALL = browser_code.component("fieldmark_answers", __file__)


@dataclass(frozen=True)
class Bar:
    """A class with its probability; `tone` is '', 'best' or 'doubt'."""

    label: str
    share: float
    tone: str


@dataclass(frozen=True)
class AnswerPanel:
    """One endpoint's answer on a card. `badges` are (text, tone) pairs."""

    endpoint: str = ""
    first: str = ""
    failed: str = ""
    note: str = ""
    time: str = ""
    badges: tuple[tuple[str, str], ...] = ()
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True)
class Card:
    """One photo with each endpoint's answer."""

    id: str
    url: str
    name: str
    answers: tuple[AnswerPanel, ...] = field(default_factory=tuple)


def answer_wall(cards: Sequence[Card], *, key: str, side: int = 220) -> str:
    """Draw the cards, `side` pixels wide or wider; return the id of the card that was clicked (or
    opened with Enter), else ''."""
    result = _WALL(
        data={"cards": [asdict(card) for card in cards], "side": side},
        key=key,
        on_opened_change=lambda: None,
    )
    return str(result.opened or "")
