"""One dataset on its page: the version, its figures, its photos, its report, and the making of a
new version."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from core import settings
from core.datasets import remote, store
from core.datasets.editing import edits
from core.datasets.importing.report import ImportReport
from core.datasets.store import Dataset, Version
from core.io import files
from core.jobs import store as jobs
from ui import choices, links, messages, removal
from ui.datasets import draft as dataset_draft
from ui.datasets import export_form, split_form
from ui.datasets import gallery as dataset_gallery
from ui.datasets import history as dataset_history
from ui.datasets import issues as dataset_issues
from ui.datasets import links as dataset_links
from ui.datasets import map as dataset_map
from ui.datasets import photo as dataset_photo
from ui.notices import answers, popovers, title
from ui.shared import charts, version_picker
from ui.text import count, plain


def show(datasets: Mapping[str, Dataset]) -> None:
    """The chosen dataset and version, both in the address of the page."""
    chosen = _choose(datasets)
    if chosen is None:
        return
    dataset, version = chosen
    photo = links.parameter(dataset_links.PAGE)
    if photo:
        dataset_draft.bar(version)
        dataset_photo.show(dataset, version, photo)
        return
    dataset_links.arrive()
    _figures(dataset, version)
    dataset_draft.bar(version)
    view = choices.view(
        "View",
        list(VIEWS),
        key=dataset_links.VIEW,
        keep=("dataset", "version"),
        label_visibility="collapsed",
    )
    title.show(f"{dataset.name} {version.id}", view, "Datasets")
    VIEWS[view](dataset, version)


def _choose(datasets: Mapping[str, Dataset]) -> tuple[Dataset, Version] | None:
    """The dataset and version of the address; None where it names one that is not there, until a
    person chooses another."""
    left, right = st.columns([3, 2])
    before = links.parameter("dataset")
    chosen = version_picker.dataset(datasets, key="ds_choice", parameter="dataset", on=left)
    if chosen is None:
        return None
    if chosen != before:
        links.set_parameters(version="")
    store.latest(chosen)  # raises, saying that no version can be read
    version = version_picker.version(
        chosen, key=f"ds_version_{chosen}", parameter="version", on=right
    )
    if version:
        return (datasets[chosen], version)
    return None


def _figures(dataset: Dataset, version: Version) -> None:
    parts = version.split_counts()
    with st.grid(6 if version.unlabelled else 5, min_column_width=130, gap="small"):
        st.metric("Photos in use", f"{sum(parts[s] for s in settings.SPLITS[:3]):,}", border=True)
        st.metric("Classes", len(version.classes), border=True)
        for split in settings.SPLITS[:3]:
            st.metric(split.capitalize(), f"{parts[split]:,}", border=True)
        if version.unlabelled:
            st.metric("Without a label", f"{version.unlabelled:,}", border=True)
    place = remote.begins(dataset.root) or str(dataset.root)
    kind = "Drawings made by Fieldmark" if dataset.drawn else f"Photos in {plain(place)}"
    st.caption(f"{kind}. {_how(version.split)}")
    with st.container(horizontal=True):
        if version.classes:
            links.button(
                "Train on this version",
                "train",
                key="ds_train",
                icon=":material/model_training:",
                kind="primary",
                dataset=dataset.id,
                version=version.id,
            )
        links.button(
            "Add photos",
            "datasets",
            key="ds_add",
            icon=":material/add_photo_alternate:",
            hint="They make the next version; photos that are here already are not taken twice.",
            view="import",
            into=dataset.id,
        )
        with st.popover(
            "More", icon=":material/more_horiz:", key=popovers.key(f"ds_more_{dataset.id}")
        ):
            _more(dataset, version)


def _more(dataset: Dataset, version: Version) -> None:
    name = st.text_input(
        "Name", dataset.name, key=f"ds_rename_{dataset.id}", max_chars=settings.MAX_NAME_LENGTH
    )
    if st.button("Rename", key=f"ds_rename_go_{dataset.id}") and name.strip():
        with messages.report_errors():
            store.rename(dataset.id, name)
            popovers.close(f"ds_more_{dataset.id}")
            answers.tell(f"Renamed to {name.strip()}")
            st.rerun()
    if remote.begins(dataset.root):
        _copies(dataset)
    newest = store.latest(dataset.id)
    removal.show(
        dataset.name,
        dataset.id,
        lambda: _delete(dataset),
        key="ds_delete",
        parameter="dataset",
        facts=f"{newest.id}, {count(newest.images, 'photo')}",
        help="With all its versions. Photos in your own folder are left alone.",
    )
    st.caption(f"`{dataset.id}`, {version_picker.size_and_time(dataset)}")


def _delete(dataset: Dataset) -> None:
    removal.tell(dataset.name, store.move_to_bin(dataset.id))
    links.to("datasets")


def _copies(dataset: Dataset) -> None:
    """What is kept here of photos that lie in S3."""
    photos, size = remote.kept(dataset.root)
    st.caption(
        f"Copies here of photos in S3: {photos:,}, {files.human_bytes(size)}. What is needed "
        "again is fetched again."
    )
    busy = any(
        job.spec.get("dataset_id") == dataset.id and not job.state.is_finished
        for job in jobs.readable()
    )
    words = None
    if busy:
        words = "A job is at work on these photos; wait for its end."
    if st.button(
        f"Remove the copies of {plain(removal.shortened(dataset.name))}",
        key=f"ds_forget_{dataset.id}",
        icon=":material/cleaning_services:",
        disabled=busy or not photos,
        help=words,
    ):
        remote.forget(dataset.root)
        st.rerun()


def _how(split: Mapping[str, object]) -> str:
    seed = split.get("seed", settings.DEFAULT_SEED)
    how = {
        "official": (
            "The split its makers gave; what they left out is carved from train, class by class,"
        ),
        "grouped": "Split at random within each class, copies kept together,",
        "by group": "Split at random within each class, groups kept together,",
        "k-fold": (
            f"Fold {split.get('fold')} of {split.get('folds')}: another part of train is "
            "validation in each,"
        ),
    }.get(str(split.get("kind")), "Split at random within each class,")
    if split.get("kind") == "none":
        return "Photos without labels, in no split yet."
    words = [f"{how} with seed {seed}."]
    if split.get("exported"):
        words = ["As in the export that was imported."]
    for name, since in (("moved", "moved by hand since."), ("added", "added since.")):
        if number := int(str(split.get(name, 0))):
            words.append(f"{count(number, 'photo')} {since}")
    return " ".join(words)


def _classes(_dataset: Dataset, version: Version) -> None:
    if not version.counts:
        st.caption("No photo has a label yet. Select photos below *Photos* and give them one.")
        return
    table = pd.DataFrame.from_dict(version.counts, orient="index")[list(settings.SPLITS)]
    table.insert(0, "images", table.sum(axis=1))
    table = table.rename_axis("class").reset_index()
    charts.class_balance(table, key="ds_balance")
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "images": st.column_config.ProgressColumn(
                "images", format="%d", max_value=int(table["images"].max())
            )
        },
        alt="Photos per class and split",
    )


def _report(dataset: Dataset, version: Version) -> None:
    facts = ImportReport.of(version.report or store.version(dataset.id, "v1").report)
    bad = store.manifest_of(
        version, columns=["path", "label", "problem"], filters=[("problem", "!=", "")]
    )
    bad = bad[~edits.is_left_out(bad["problem"])]
    with st.grid(4, min_column_width=180, gap="small"):
        st.metric("Photos that can be used", f"{facts.images:,}", border=True)
        st.metric("Can't be used", f"{facts.bad_count:,}", border=True)
        st.metric("Other files left aside", f"{sum(facts.ignored.values()):,}", border=True)
        st.metric("The same photo again", f"{facts.duplicate_count:,}", border=True)
    first = version.id if version.report else "v1"
    rate = f"{facts.images_per_second:,.0f} photos a second for {facts.seconds:.1f} s"
    st.caption(f"What came in with {first}: the import read {rate} and decoded each one whole.")
    for warning in facts.warnings:
        st.warning(plain(warning), icon=":material/warning:")
    if bad.empty:
        st.success(
            "Every photo could be opened and decoded to its last line.",
            icon=":material/check_circle:",
        )
    else:
        st.markdown(f"**{count(len(bad), 'file')} can't be used** and are left out of training:")
        st.dataframe(bad, hide_index=True, alt="Files that can't be used, with the reason")
    if facts.ignored:
        st.markdown(
            "**Left aside**: "
            + plain(", ".join(f"{number} {reason}" for reason, number in facts.ignored.items()))
        )
    if facts.row_errors:
        st.markdown(
            f"**{count(facts.row_error_count, 'row')} of the table of labels can't be used:**"
        )
        st.dataframe(
            {"row": facts.row_errors},
            hide_index=True,
            alt="Rows of the table of labels that can't be used, with the reason",
        )
    if facts.missing:
        st.markdown(
            f"**{count(facts.missing, 'photo')} listed in the tables are not in the folder.**"
        )
    if facts.duplicates:
        st.markdown(
            "**The same bytes more than once.** Copies always share a split, so they can't leak "
            "from train into test."
        )
        st.dataframe(
            pd.DataFrame(facts.duplicates, columns=["photo", "the same again"]),
            hide_index=True,
            alt="Exact duplicates",
        )


VIEWS = {
    "Photos": dataset_gallery.show,
    "Map": dataset_map.show,
    "Issues": dataset_issues.show,
    "Classes": _classes,
    "Report": _report,
    "History": dataset_history.show,
    "New version": split_form.show,
    "Export": export_form.show,
}
