"""The draft of the next version: its edits, undo, discard and the button that makes the version."""

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
    """Draw the draft when it has edits."""
    with messages.report_errors():
        made = drafts.steps(version)
        if not made:
            return
        place = f"{version.dataset_id}_{version.id}"
        with st.container(
            horizontal=True, vertical_alignment="center", gap="small", key="ds_draft"
        ):
            summary = f"{edits.summary(made)}{_new_classes(version, made)}"
            st.markdown(
                f":material/edit_note: **Draft**: {summary}",
                help=f"The next version. {version.id} itself does not change.",
                width="stretch",
            )
            note = st.text_input(
                "Note",
                key=f"ds_draft_note_{place}",
                placeholder="What changed, and why",
                max_chars=4 * settings.MAX_NAME_LENGTH,
                label_visibility="collapsed",
                width=190,
            )
            _steps(made)
            st.button(
                "Undo",
                key=f"ds_draft_undo_{place}",
                icon=":material/undo:",
                on_click=_undo,
                args=(version,),
                help="Undo the last edit.",
            )
            _drop(version, made, place)
            if st.button(
                "Make the version",
                type="primary",
                key=f"ds_draft_make_{place}",
                icon=":material/new_label:",
            ):
                _finish(version, note)


def _drop(version: Version, made: list[edits.Step], place: str) -> None:
    """Draw the button that discards the draft, which names what it discards."""
    with st.popover("Discard", help="Discard the whole draft.", key=f"ds_drop_{place}"):
        name = f"{removal.shortened(store.dataset(version.dataset_id).name)} {version.id}"
        st.button(
            f"Discard the draft of {plain(name)}: {edits.summary(made)}",
            key=f"ds_draft_drop_{place}",
            on_click=_discard,
            args=(version,),
        )


def _new_classes(version: Version, made: list[edits.Step]) -> str:
    """Return the classes that the draft creates, so that nobody creates one by accident."""
    new = edits.new_classes(version, edits.labels_of(made))
    if not new:
        return ""
    number = count(len(new), "new class", "new classes")
    return f", **{number}**: {', '.join(map(plain, new))}"


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
    with st.popover(count(len(made), "edit"), key="ds_draft_steps"):
        for step in made[::-1][:SHOWN_STEPS]:
            st.markdown(_said(step))
        if len(made) > SHOWN_STEPS:
            st.caption(f"and {len(made) - SHOWN_STEPS} earlier edits")


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
