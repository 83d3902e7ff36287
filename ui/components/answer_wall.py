"""A wall of answers: photo, the likeliest classes as bars, and what to mind. Drawn in one
component, so that hundreds stay quick.

Names are set as text, never as HTML. A click hands back the photo's id.
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
class Said:
    """One endpoint's answer on a card. `badges` are (text, tone) pairs."""

    who: str = ""
    first: str = ""
    failed: str = ""
    note: str = ""
    time: str = ""
    badges: tuple[tuple[str, str], ...] = ()
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True)
class Card:
    """One photo with what each endpoint said of it."""

    id: str
    url: str
    name: str
    answers: tuple[Said, ...] = field(default_factory=tuple)


def answer_wall(cards: Sequence[Card], *, key: str, side: int = 220) -> str:
    """Draws the cards; returns the id of the one just clicked (or opened with Enter), else the
    empty string."""
    result = _WALL(
        data={"cards": [asdict(card) for card in cards], "side": side},
        key=key,
        on_opened_change=lambda: None,
    )
    return str(result.opened or "")
