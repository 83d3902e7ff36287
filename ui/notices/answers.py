"""What an action did, shown on the next page, with a button to undo it if that is possible.

An action usually ends in another page or a rerun, which removes what was drawn before. So the
answer waits in the session until the next page is drawn (see ui/shell/frame.py)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from core.errors import FieldmarkError
from ui.components import answer_bar
from ui.text import plain, visible

_WAITING = "answers.waiting"
_OPEN = "answers.open"
DONE, FAILED = ":material/check:", ":material/error:"


@dataclass(frozen=True)
class Answer:
    """What was done; `act` is called by the button labelled `action`, None for no button."""

    words: str
    icon: str
    action: str = ""
    act: Callable[[], None] | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(4))


def tell(
    words: str,
    *,
    icon: str = DONE,
    action: str = "Undo",
    act: Callable[[], None] | None = None,
) -> None:
    """Say on the next page what was done, in plain text.

    `act` is called by the button `action`, usually to undo what was done. A FieldmarkError that it
    raises is shown.
    """
    st.session_state.setdefault(_WAITING, []).append(Answer(words, icon, action, act))


def show() -> None:
    """Show the waiting answers and call `act` if its button was pressed; must be called before the
    page is drawn."""
    for answer in st.session_state.pop(_WAITING, []):
        if answer.act is None:
            st.toast(plain(answer.words), icon=answer.icon)
        else:
            st.session_state[_OPEN] = answer
    answer = st.session_state.get(_OPEN, Answer("", ""))
    pressed = answer_bar.show(
        answer.id if answer.act else "", visible(answer.words), answer.action, key="answer_bar"
    )
    if pressed:
        _act(answer)


def flush() -> None:
    """Rerun the page if an answer is waiting that was made while it was drawn."""
    if st.session_state.get(_WAITING):
        st.rerun()


def _act(answer: Answer) -> None:
    del st.session_state[_OPEN]
    assert answer.act
    try:
        answer.act()
    except (FieldmarkError, OSError) as error:
        tell(str(error), icon=FAILED)
    st.rerun()
