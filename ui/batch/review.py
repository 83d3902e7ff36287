"""The review queue: each photo in doubt gets its right label here, and the decisions become a
new dataset version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import streamlit as st

from core.datasets import store
from core.datasets.editing import edits, review
from core.datasets.editing.review import Entry
from core.datasets.store import Dataset, Version
from core.errors import NotFound
from core.models import store as models
from ui import choices, links, messages, paging
from ui.batch import review_cards
from ui.shared import thumbnails, version_picker
from ui.text import count, plain

PAGE_SIZE = 12
SHOWN = ("Undecided", "Decided", "All")


def show() -> None:
    """The whole queue."""
    _outcome()
    entries = review.entries()
    if not entries:
        st.info(
            (
                "No photo waits. Open a finished batch, choose the photos in doubt, and set them "
                "aside; or flag a wrong answer of an endpoint."
            ),
            icon=":material/rate_review:",
        )
        return
    datasets = {item.id: item for item in store.datasets() if isinstance(item, Dataset)}
    if not datasets:
        st.warning(
            "There is no dataset whose labels could be corrected.", icon=":material/warning:"
        )
        return
    version = _target(datasets, entries)
    if version is None:
        return
    decided = [entry for entry in entries if entry.decided]
    if decided:
        _apply(datasets[version.dataset_id], version, decided)
    _queue(entries, version)


def _target(datasets: Mapping[str, Dataset], entries: Sequence[Entry]) -> Version | None:
    """The version that the decisions are made on: by default the newest one of the dataset most
    of the models learned from."""
    usual = Counter(
        found for entry in entries if (found := _dataset_of(entry.model_id)) in datasets
    )
    start = max(usual, key=usual.__getitem__, default="")
    left, right = st.columns([3, 2])
    chosen = version_picker.dataset(
        datasets, title="Correct the labels of", key="rv_dataset", start=start, on=left
    )
    if chosen is None:
        return None
    newest = store.latest(chosen)
    return version_picker.version(
        chosen, title="Starting from", key=f"rv_version_{chosen}_{newest.id}", on=right
    )


@st.cache_data(max_entries=200, show_spinner=False)
def _dataset_of(model_id: str) -> str:
    try:
        return models.read(model_id).dataset_id
    except NotFound:
        return ""


def _queue(entries: Sequence[Entry], version: Version) -> None:
    numbers = {
        "Undecided": sum(not e.decided for e in entries),
        "Decided": sum(e.decided for e in entries),
        "All": len(entries),
    }
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    shown = choices.segment(
        "Show",
        SHOWN,
        label=lambda s: f"{s} ({numbers[s]:,})",
        key="rv_show",
        label_visibility="collapsed",
        on=left,
    )
    answers = sorted({entry.prediction for entry in entries if entry.prediction})
    wanted = choices.one(
        "The model said", ["", *answers], label=lambda n: n or "Anything", key="rv_class", on=right
    )
    chosen = [
        e
        for e in entries
        if (shown == "All" or e.decided == (shown == "Decided"))
        and (not wanted or e.prediction == wanted)
    ]
    chosen.sort(key=lambda entry: (entry.probability if entry.answer else 0.0, entry.id))
    if not chosen:
        st.success(
            "Every photo is decided about." if shown == "Undecided" else "None.",
            icon=":material/check_circle:",
        )
        return
    pages = paging.pages(len(chosen), PAGE_SIZE)
    number = min(int(st.session_state.get("rv_page", 1) or 1), pages)
    part = chosen[paging.rows(number, PAGE_SIZE)]
    thumbnails.make_thumbnails(
        part[0].photo.parent.parent, [(entry.id, f"{entry.id}/{review.PHOTO}") for entry in part]
    )
    review_cards.show(part, version)
    with st.container(horizontal=True, vertical_alignment="center"):
        if pages > 1:
            st.pagination(pages, key="rv_page")
        review_cards.page_actions(part)


def _apply(dataset: Dataset, version: Version, decided: Sequence[Entry]) -> None:
    """The button that turns decisions into a version, and what it will do."""
    with st.container(border=True, key="rv_apply"):
        new = set(review.new_photos([entry.id for entry in decided], version))
        new &= {entry.id for entry in decided if entry.proposed != review.LEAVE_OUT}
        words = (
            f"{count(len(decided), 'photo')} decided: {len(decided) - len(new)} of them in "
            f"*{plain(dataset.name)}* {version.id}"
        )
        if new:
            words += f", {len(new)} new to it and joining its training photos"
        st.markdown(f"{words}.")
        proposed = {entry.id: entry.proposed for entry in decided}
        if made := edits.new_classes(version, proposed):
            title = count(len(made), "new class", "new classes")
            st.markdown(f":material/new_label: **{title}**: {', '.join(map(plain, made))}")
        folder, own = review.folder_for_new(dataset)
        words = f"Copy the new photos into {plain(str(folder))}"
        offered = bool(new) and own
        allowed = offered and st.checkbox(words, key="rv_own", help="That is your own folder.")
        note = st.text_input("Note", key="rv_note", placeholder="What was corrected, and why")
        if st.button(
            f"Make the next version of {plain(dataset.name)}",
            type="primary",
            key="rv_decide",
            icon=":material/done_all:",
        ):
            with messages.report_errors():
                outcome = review.decide(proposed, version, note, into_own_folder=bool(allowed))
                links.to(
                    "batch",
                    view="review",
                    made=f"{outcome.version.dataset_id}:{outcome.version.id}",
                )


def _outcome() -> None:
    """What the last decision made, and what to do with it."""
    dataset_id, _, version_id = links.parameter("made").partition(":")
    if not version_id:
        return
    with messages.report_errors():
        version = store.version(dataset_id, version_id)
        with st.container(border=True, key="rv_made"):
            st.markdown(
                f":material/check_circle: **{plain(store.dataset(dataset_id).name)} "
                f"{version.id}** is made. {plain(version.note)}."
            )
            with st.container(horizontal=True):
                links.button(
                    "Train on it",
                    "train",
                    key="rv_train",
                    icon=":material/model_training:",
                    kind="primary",
                    dataset=dataset_id,
                    version=version_id,
                )
                links.button(
                    "Look at it",
                    "datasets",
                    key="rv_look",
                    icon=":material/photo_library:",
                    dataset=dataset_id,
                    version=version_id,
                )
