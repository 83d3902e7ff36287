"""One card for each photo in the review queue: what the model said, what it is called now, and what it should be called."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import review
from core.datasets.store import Version
from core.errors import FieldmarkError
from core.review import Entry
from ui import messages, photos
from ui.gallery import Photo, gallery
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
    open_ones = [entry for entry in entries if not entry.decided and entry.proposed]
    if open_ones and st.button(
        f"All {len(open_ones)} are right as proposed", key="rv_all", icon=":material/done_all:", help="For the photos shown here."
    ):
        with messages.shown():
            for entry in open_ones:
                review.propose([entry.id], entry.proposed)
            st.rerun()
    with st.popover("Dismiss", icon=":material/close:"):
        st.markdown("Takes the photos shown here out of the queue. No label changes.")
        if st.button(f"Dismiss these {len(entries)}", key="rv_dismiss"):
            review.dismiss([entry.id for entry in entries])
            st.rerun()


def _card(entry: Entry, version: Version) -> None:
    short = entry.id[:16]
    name = entry.shown.rsplit("/", 1)[-1]
    if gallery([Photo(entry.id, photos.url(entry.id), name, entry.reason)], key=f"rv_photo_{short}", side=180):
        answers = {f"{place}. {answer['label']}": f"{answer['probability']:.1%}" for place, answer in enumerate(entry.answer, 1)}
        facts = {**answers, "Label so far": entry.label or "none", "File": entry.shown}
        photos.show_photo(entry.photo.parent, {"path": review.PHOTO, "label": entry.proposed or name, "facts": facts})
    st.markdown("  \n".join(f"{plain(a['label'])} :gray[{a['probability']:.0%}]" for a in entry.answer[:SHOWN_ANSWERS]))
    options = list(dict.fromkeys([*version.classes, *([entry.proposed] if entry.proposed else []), LEAVE_OUT]))
    proposed = LEAVE_OUT if entry.decided and entry.proposed == review.LEAVE_OUT else entry.proposed
    st.selectbox(
        f"Label, so far {plain(entry.label)}" if entry.label else "Label",
        options,
        index=options.index(proposed) if proposed in options else None,
        key=f"rv_label_{short}_{proposed}",
        placeholder="Choose or type a class",
        accept_new_options=True,
        on_change=_relabel,
        args=(entry.id, f"rv_label_{short}_{proposed}"),
    )
    key = f"rv_decided_{short}_{entry.decided}_{proposed}"
    st.toggle("Decided", entry.decided, key=key, disabled=not proposed, on_change=_settle, args=(entry.id, entry.proposed, key))


def _relabel(entry_id: str, key: str) -> None:
    label = st.session_state[key]
    if label:
        _say(entry_id, review.LEAVE_OUT if label == LEAVE_OUT else label, decided=True)


def _settle(entry_id: str, proposed: str, key: str) -> None:
    _say(entry_id, proposed, decided=bool(st.session_state[key]))


def _say(entry_id: str, label: str, *, decided: bool) -> None:
    try:
        review.propose([entry_id], label, decided=decided)
    except FieldmarkError as error:
        st.toast(plain(str(error)), icon=":material/error:")
