"""The cards of the review queue: what the model predicted for each photo, and the decision about
its label, with undo."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import streamlit as st

from core.datasets.editing import review
from core.datasets.editing.review import Entry
from core.datasets.store import Version
from core.errors import FieldmarkError
from ui import messages
from ui.components.review_deck import Card, Option, Step, review_deck
from ui.shared import class_picker, thumbnails
from ui.text import count, percent, plain, visible

LEAVE_OUT = "Leave out"
OFFERED = 3
DECK, UNDO = "rv_deck", "rv_undo"
KEPT_UNDOS = 100


def show(entries: Sequence[Entry], version: Version, *, decided_go: bool) -> None:
    """Draw the cards of one page and apply what was decided on them. `decided_go`: a decided card
    leaves the page."""
    by_id = {entry.id: entry for entry in entries}
    result = review_deck(
        [_card(entry) for entry in entries], key=DECK, undo=_last(), decided_go=decided_go
    )
    for step in result.steps:
        _apply(step)
    if result.steps:
        st.rerun()
    if result.opened in by_id:
        _open(by_id[result.opened])
    elif result.other in by_id:
        _other_class(by_id[result.other], version)


def page_actions(entries: Sequence[Entry]) -> None:
    """Draw the buttons that act on all photos of the page."""
    # A click belongs to the photos that were on the page then: others may be on it when it
    # arrives.
    page = hashlib.sha256("".join(entry.id for entry in entries).encode()).hexdigest()[:12]
    undecided = [entry for entry in entries if not entry.decided and entry.proposed]
    if undecided and st.button(
        f"Accept all {len(undecided)}",
        key=f"rv_all_{page}",
        icon=":material/done_all:",
        help="Gives each photo on this page its proposed label: its own, else the model's.",
    ):
        with messages.report_errors():
            for entry in undecided:
                _decide(entry.id, entry.proposed)
            st.rerun()
    with st.popover("Dismiss", icon=":material/close:", key=f"rv_dismissing_{page}"):
        st.markdown("Removes the photos on this page from the queue. No label changes.")
        if st.button(f"Dismiss {count(len(entries), 'photo')}", key=f"rv_dismiss_{page}"):
            review.dismiss([entry.id for entry in entries])
            st.rerun()


def _card(entry: Entry) -> Card:
    chosen = entry.proposed if entry.decided else None
    detail = f"Label: {entry.label or 'none'}"
    if entry.reason:
        detail += f" · {entry.reason}"
    return Card(
        entry.id,
        thumbnails.url(entry.id),
        visible(entry.shown.rsplit("/", 1)[-1]),
        visible(detail),
        tuple(_options(entry)),
        chosen,
    )


def _options(entry: Entry) -> list[Option]:
    """The model's most probable classes, the photo's own label, and the decision if it is
    another class."""
    options = [
        Option(str(number), str(answer["label"]), percent(float(answer["probability"])))
        for number, answer in enumerate(entry.answer[:OFFERED], 1)
    ]
    labels = {option.label for option in options}
    if entry.label and entry.label not in labels:
        options.append(Option("0", entry.label, "label"))
        labels.add(entry.label)
    if entry.proposed and entry.proposed not in labels:
        options.append(Option("", entry.proposed))
    return options


def _open(entry: Entry) -> None:
    answers = {
        f"{rank}. {answer['label']}": percent(float(answer["probability"]), 1)
        for rank, answer in enumerate(entry.answer, 1)
    }
    facts = {**answers, "Label": entry.label or "none", "File": entry.shown}
    thumbnails.show_photo(entry.photo.parent, review.PHOTO, entry.proposed or entry.shown, facts)


@st.dialog("Other class")
def _other_class(entry: Entry, version: Version) -> None:
    """Choose among all classes of the dataset, or name a new one."""
    label = class_picker.show(
        "Class", version.classes, key=f"rv_other_{entry.id[:16]}", leave_out=LEAVE_OUT
    )
    if label is not None:
        with messages.report_errors():
            _decide(entry.id, label)
            st.rerun()


def _apply(step: Step) -> None:
    """Do what a person did on the cards; a photo that another window has dealt with is no
    error."""
    try:
        if step.action == "undo":
            _undo()
        elif step.action == "reopen":
            _reopen(step.id)
        else:
            _decide(step.id, step.label)
    except FieldmarkError as error:
        st.toast(plain(str(error)), icon=":material/error:")


def _decide(entry_id: str, label: str) -> None:
    before = review.read(entry_id)
    review.propose([entry_id], label)
    _remember(before, label or LEAVE_OUT)


def _reopen(entry_id: str) -> None:
    before = review.read(entry_id)
    review.propose([entry_id], before.proposed, decided=False)
    _remember(before, "reopened")


def _undo() -> None:
    """Restore the photo of the last step as it was before."""
    steps = st.session_state.get(UNDO, [])
    if steps:
        st.session_state[UNDO] = steps[:-1]
        before = steps[-1][0]
        review.propose([before.id], before.proposed, decided=before.decided)


def _remember(before: Entry, words: str) -> None:
    steps = st.session_state.get(UNDO, [])
    st.session_state[UNDO] = [*steps, (before, words)][-KEPT_UNDOS:]


def _last() -> str:
    """Return the last step in words, or ''."""
    steps = st.session_state.get(UNDO, [])
    if steps:
        return visible(str(steps[-1][1]))
    return ""
