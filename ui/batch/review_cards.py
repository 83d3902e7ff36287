"""One card for each photo in the review queue: what the model said, what it is called now, and
what it should be called."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import streamlit as st

from core.datasets.editing import review
from core.datasets.editing.review import Entry
from core.datasets.store import Version
from core.errors import FieldmarkError
from ui import messages
from ui.components.gallery import Photo, gallery
from ui.shared import class_picker, thumbnails
from ui.text import plain

LEAVE_OUT = "Leave it out"
SHOWN_ANSWERS = 3


def show(entries: Sequence[Entry], version: Version) -> None:
    """The cards of one page."""
    with st.grid(4, min_column_width=220, gap="small"):
        for entry in entries:
            with st.container(border=True, key=f"rv_card_{entry.id[:16]}"):
                _card(entry, version)


def page_actions(entries: Sequence[Entry]) -> None:
    """What can be done with all photos of the page at once."""
    # A click belongs to the photos it was meant for: other ones may be on this page when it
    # arrives.
    page = hashlib.sha256("".join(entry.id for entry in entries).encode()).hexdigest()[:12]
    open_ones = [entry for entry in entries if not entry.decided and entry.proposed]
    if open_ones and st.button(
        f"All {len(open_ones)} are right as proposed",
        key=f"rv_all_{page}",
        icon=":material/done_all:",
        help="For the photos shown here.",
    ):
        with messages.report_errors():
            for entry in open_ones:
                review.propose([entry.id], entry.proposed)
            st.rerun()
    with st.popover("Dismiss", icon=":material/close:", key=f"rv_dismissing_{page}"):
        st.markdown("Takes the photos shown here out of the queue. No label changes.")
        if st.button(f"Dismiss these {len(entries)}", key=f"rv_dismiss_{page}"):
            review.dismiss([entry.id for entry in entries])
            st.rerun()


def _card(entry: Entry, version: Version) -> None:
    short = entry.id[:16]
    name = entry.shown.rsplit("/", 1)[-1]
    if gallery(
        [Photo(entry.id, thumbnails.url(entry.id), name, entry.reason)],
        key=f"rv_photo_{short}",
        side=180,
    ):
        answers = {
            f"{place}. {answer['label']}": f"{answer['probability']:.1%}"
            for place, answer in enumerate(entry.answer, 1)
        }
        facts = {**answers, "Label so far": entry.label or "none", "File": entry.shown}
        thumbnails.show_photo(entry.photo.parent, review.PHOTO, entry.proposed or name, facts)
    st.markdown(
        "  \n".join(
            f"{plain(a['label'])} :gray[{a['probability']:.0%}]"
            for a in entry.answer[:SHOWN_ANSWERS]
        )
    )
    left_out = entry.decided and entry.proposed == review.LEAVE_OUT
    key = f"{short}_{entry.decided}_{entry.proposed}"
    title = "Label"
    if entry.label:
        title = f"Label, so far {plain(entry.label)}"
    class_picker.show(
        title,
        version.classes,
        key=f"rv_label_{key}",
        start=entry.proposed if entry.proposed or left_out else None,
        proposed=list(filter(None, [entry.proposed])),
        leave_out=LEAVE_OUT,
        on_change=lambda label: _say(entry.id, label, decided=True),
    )
    st.toggle(
        "Decided",
        entry.decided,
        key=f"rv_decided_{key}",
        disabled=not (entry.proposed or left_out),
        on_change=_settle,
        args=(entry.id, entry.proposed, f"rv_decided_{key}"),
    )


def _settle(entry_id: str, proposed: str, key: str) -> None:
    _say(entry_id, proposed, decided=bool(st.session_state[key]))


def _say(entry_id: str, label: str, *, decided: bool) -> None:
    try:
        review.propose([entry_id], label, decided=decided)
    except FieldmarkError as error:
        st.toast(plain(str(error)), icon=":material/error:")
