"""The draft on its page: what was changed so far, undo, and the making of the next version."""

from __future__ import annotations

import streamlit as st

from core import settings
from core.datasets import store
from core.datasets.editing import drafts, edits
from core.datasets.store import Version
from core.errors import FieldmarkError, UserError
from ui import messages, removal
from ui.datasets import links as dataset_links
from ui.text import count, plain

SHOWN_STEPS = 20


def bar(version: Version) -> None:
    """What waits to become the next version, where something does."""
    with messages.report_errors():
        made = drafts.steps(version)
        if not made:
            return
        place = f"{version.dataset_id}_{version.id}"
        with st.container(border=True, key="ds_draft"):
            st.markdown(
                f":material/edit_note: **Draft of the next version**: {edits.summary(made)}. "
                f"{version.id} itself does not change."
            )
            _new_classes(version, made)
            note, undo, drop, finish = st.columns([5, 1, 1, 2], vertical_alignment="bottom")
            words = note.text_input(
                "Note",
                key=f"ds_draft_note_{place}",
                placeholder="What was mended, and why",
                max_chars=4 * settings.MAX_NAME_LENGTH,
            )
            undo.button(
                "Undo",
                key=f"ds_draft_undo_{place}",
                icon=":material/undo:",
                on_click=_undo,
                args=(version,),
                help="Takes the last step back.",
            )
            with drop.popover("Drop", help="Throws the whole draft away.", key=f"ds_drop_{place}"):
                name = f"{removal.shortened(store.dataset(version.dataset_id).name)} {version.id}"
                st.button(
                    f"Throw away the draft of {plain(name)}: {edits.summary(made)}",
                    key=f"ds_draft_drop_{place}",
                    on_click=_discard,
                    args=(version,),
                )
            if finish.button(
                "Make the version",
                type="primary",
                key=f"ds_draft_make_{place}",
                icon=":material/new_label:",
                width="stretch",
            ):
                _finish(version, words)
            _steps(made)


def _new_classes(version: Version, made: list[edits.Step]) -> None:
    """A class that nobody meant is seen here, before it is in a version."""
    if new := edits.new_classes(version, edits.labels_of(made)):
        words = count(len(new), "new class", "new classes")
        st.markdown(f":material/new_label: **{words}**: {', '.join(map(plain, new))}")


def _finish(version: Version, words: str) -> None:
    try:
        made = drafts.finish(version, words)
    except UserError as error:
        messages.beside(messages.as_fields(error), error.field)
        return
    dataset_links.to(made.dataset_id, made.id, "History")


def _undo(version: Version) -> None:
    try:
        drafts.undo(version)
    except FieldmarkError as error:
        st.toast(plain(str(error)), icon=":material/error:")


def _discard(version: Version) -> None:
    try:
        drafts.discard(version)
    except FieldmarkError as error:
        st.toast(plain(str(error)), icon=":material/error:")


def _steps(made: list[edits.Step]) -> None:
    with st.expander(f"{count(len(made), 'step')}"):
        for step in made[::-1][:SHOWN_STEPS]:
            st.markdown(_said(step))
        if len(made) > SHOWN_STEPS:
            st.caption(f"and {len(made) - SHOWN_STEPS} before these")


def _said(step: edits.Step) -> str:
    words = f"{count(len(step.values), 'photo')} {edits.DONE[step.action]}"
    value, values = "their suggestions", set(step.values.values())
    if len(values) == 1:
        value = values.pop()
    if value:
        words += f" to *{plain(value)}*"
    if step.why:
        words += f": {plain(step.why)}"
    return words
