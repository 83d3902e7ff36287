"""The edits of chosen photos: relabel, move, leave out. Each goes into the draft."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core import settings
from core.datasets.editing import drafts, edits
from core.datasets.editing.edits import Step
from core.datasets.store import Version
from core.errors import FieldmarkError, UserError
from ui import choices
from ui.components import gallery as walls
from ui.notices import answers
from ui.shared import class_picker
from ui.text import count, plain


def offer(version: Version, chosen: Sequence[str], *, key: str, why: str) -> None:
    """Draw the edits of these photos, by path. After an edit, the selection of the wall `key` is
    cleared."""
    with st.popover("Relabel", icon=":material/label:"):
        _relabel(version, key, chosen, why)
    with st.popover("Move", icon=":material/swap_horiz:"):
        _move(version, key, chosen, why)
    with st.popover("Leave out", icon=":material/block:"):
        _leave_out(version, key, chosen, why)


def _relabel(version: Version, key: str, chosen: Sequence[str], why: str) -> None:
    label = class_picker.show("New label", sorted(version.counts), key=f"{key}_label")
    reason = _reason(key, "relabel", why)
    words = f"Relabel {count(len(chosen), 'photo')}"
    if class_picker.is_new(label, list(version.counts)):
        words += f" as the new class {plain(str(label))}"
    st.button(
        words,
        key=f"{key}_relabel",
        type="primary",
        disabled=not label,
        on_click=add_step,
        args=(version, key, lambda: edits.relabel(chosen, str(label), reason)),
    )


def _move(version: Version, key: str, chosen: Sequence[str], why: str) -> None:
    split = choices.segment_or_none(
        "To", list(settings.SPLITS), label=str.capitalize, key=f"{key}_split"
    )
    st.caption("Exact duplicates move with them.")
    reason = _reason(key, "move", why)
    st.button(
        f"Move {count(len(chosen), 'photo')}",
        key=f"{key}_move",
        type="primary",
        disabled=not split,
        on_click=add_step,
        args=(version, key, lambda: edits.move(chosen, str(split), reason)),
    )


def _leave_out(version: Version, key: str, chosen: Sequence[str], why: str) -> None:
    st.caption("They stay in the dataset but are in no split. *Move* returns them to one.")
    reason = _reason(key, "leave_out", why)
    st.button(
        f"Leave out {count(len(chosen), 'photo')}",
        key=f"{key}_leave",
        type="primary",
        on_click=add_step,
        args=(version, key, lambda: edits.leave_out(chosen, reason)),
    )


def _reason(key: str, what: str, why: str) -> str:
    return st.text_input("Why", why, key=f"{key}_why_{what}", max_chars=edits.MAX_WHY)


def add_step(version: Version, key: str, make: Callable[[], Step], *, undo: bool = True) -> None:
    """Add the step to the draft and clear the selection, which stays if the step is refused.

    `key` is that of the wall with the selection, or "". With `undo`, the bar over the page offers
    to undo it; a dialog has its own key for that.
    """
    try:
        step = make()
        drafts.add(version, step)
    except FieldmarkError as error:
        st.toast(plain(str(error)), icon=":material/error:")
        return
    if key:
        walls.clear(key)
    words = f"{count(len(step.values), 'photo')} {edits.DONE[step.action]} in the draft."
    if undo:
        answers.tell(words, act=lambda: _undo(version, step))
    else:
        st.toast(words, icon=":material/edit_note:")


def _undo(version: Version, step: Step) -> None:
    """Undo the step if it is still the last one of the draft."""
    if drafts.steps(version)[-1:] != [step]:
        raise UserError("The draft has changed since, so nothing was undone.")
    drafts.undo(version)
    answers.tell("Undone")
