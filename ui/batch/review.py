"""The review queue: a person decides the label of each photo set aside, and the decisions become
a new dataset version."""

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
    """Draw the whole queue."""
    _outcome()
    entries = review.entries()
    if not entries:
        st.info(
            (
                "The queue is empty. Open a finished batch, filter the doubtful photos and set "
                "them aside, or flag a wrong answer of an endpoint."
            ),
            icon=":material/rate_review:",
        )
        return
    datasets = {item.id: item for item in store.datasets() if isinstance(item, Dataset)}
    if not datasets:
        st.warning("No dataset to correct. Import one first.", icon=":material/warning:")
        return
    version = _target(datasets, entries)
    if version is None:
        return
    _queue(entries, version, datasets[version.dataset_id])


def _target(datasets: Mapping[str, Dataset], entries: Sequence[Entry]) -> Version | None:
    """Return the version to correct: by default the newest one of the dataset that most of the
    photos' models were trained on."""
    usual = Counter(
        found for entry in entries if (found := _dataset_of(entry.model_id)) in datasets
    )
    start = max(usual, key=usual.__getitem__, default="")
    left, right = st.columns([3, 2])
    chosen = version_picker.dataset(
        datasets, title="Dataset to correct", key="rv_dataset", start=start, on=left
    )
    if chosen is None:
        return None
    newest = store.latest(chosen)
    return version_picker.version(
        chosen, title="Parent version", key=f"rv_version_{chosen}_{newest.id}", on=right
    )


@st.cache_data(max_entries=200, show_spinner=False)
def _dataset_of(model_id: str) -> str:
    try:
        return models.read(model_id).dataset_id
    except NotFound:
        return ""


def _queue(entries: Sequence[Entry], version: Version, dataset: Dataset) -> None:
    """Draw the filters, the button that ends the review, and one page of cards."""
    numbers = {
        "Undecided": sum(not e.decided for e in entries),
        "Decided": sum(e.decided for e in entries),
        "All": len(entries),
    }
    left, middle, right = st.columns([5, 3, 3], vertical_alignment="bottom")
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
        "Prediction", ["", *answers], label=lambda n: n or "Any class", key="rv_class", on=middle
    )
    decided = [entry for entry in entries if entry.decided]
    with right.popover(
        "Create a version",
        type="primary",
        width="stretch",
        key="rv_apply",
        icon=":material/done_all:",
        disabled=not decided,
    ):
        _apply(dataset, version, decided)
    chosen = [
        e
        for e in entries
        if (shown == "All" or e.decided == (shown == "Decided"))
        and (not wanted or e.prediction == wanted)
    ]
    chosen.sort(key=lambda entry: (entry.probability if entry.answer else 0.0, entry.id))
    if not chosen:
        words = "No photos here."
        if shown == "Undecided":
            words = "All photos are decided."
        st.success(words, icon=":material/check_circle:")
        review_cards.show([], version, decided_go=True)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        page = chosen[paging.shown(len(chosen), PAGE_SIZE, key="rv_page")]
        review_cards.page_actions(page)
    thumbnails.make_thumbnails(
        page[0].photo.parent.parent, [(entry.id, f"{entry.id}/{review.PHOTO}") for entry in page]
    )
    review_cards.show(page, version, decided_go=shown == "Undecided")


def _apply(dataset: Dataset, version: Version, decided: Sequence[Entry]) -> None:
    """Draw what the decisions would change, and the button that creates the version."""
    proposed = {entry.id: entry.proposed for entry in decided}
    new = [
        entry_id
        for entry_id in review.new_photos(list(proposed), version)
        if proposed[entry_id] != review.LEAVE_OUT
    ]
    words = f"{count(len(decided) - len(new), 'photo')} of *{plain(dataset.name)}* {version.id}"
    if new:
        words += f", {count(len(new), 'new photo')} added to its train split"
    st.markdown(f"{words}.")
    if made := edits.new_classes(version, proposed):
        title = count(len(made), "new class", "new classes")
        st.markdown(f":material/new_label: **{title}**: {', '.join(map(plain, made))}")
    folder, own = review.folder_for_new(dataset)
    allowed = bool(
        new
        and own
        and st.checkbox(
            f"Copy the new photos into {plain(str(folder))}",
            key="rv_own",
            help="This is your own folder.",
        )
    )
    note = st.text_input("Note", key="rv_note", placeholder="What changed, and why")
    if st.button(f"Create the next version of {plain(dataset.name)}", key="rv_decide"):
        with messages.report_errors():
            made_version = review.decide(proposed, version, note, into_own_folder=allowed).version
            links.to("batch", view="review", made=f"{made_version.dataset_id}:{made_version.id}")


def _outcome() -> None:
    """Name the version that was created last, with links to it."""
    dataset_id, _, version_id = links.parameter("made").partition(":")
    if not version_id:
        return
    with messages.report_errors():
        version = store.version(dataset_id, version_id)
        with st.container(border=True, key="rv_made"):
            st.markdown(
                f":material/check_circle: **{plain(store.dataset(dataset_id).name)} "
                f"{version.id}** was created. {plain(version.note)}."
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
                    "Open it",
                    "datasets",
                    key="rv_look",
                    icon=":material/photo_library:",
                    dataset=dataset_id,
                    version=version_id,
                )
