"""One dataset on its page: the version, its figures, its photos, its report, and the making of a new version."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from core import files, jobs, settings
from core.datasets import edits, remote, store
from core.datasets.report import ImportReport
from core.datasets.store import Dataset, Version
from ui import (
    charts,
    dataset_draft,
    dataset_gallery,
    dataset_history,
    dataset_issues,
    dataset_links,
    dataset_map,
    dataset_photo,
    export_form,
    links,
    messages,
    split_form,
)
from ui.text import count, plain


def show(datasets: Mapping[str, Dataset]) -> None:
    """The chosen dataset and version, both in the address of the page."""
    dataset, version = _choose(datasets)
    asked = links.parameter(dataset_links.PHOTO)
    if asked:
        dataset_draft.bar(version)
        dataset_photo.show(dataset, version, asked)
        return
    dataset_links.arrive()
    _figures(dataset, version)
    dataset_draft.bar(version)
    view = st.segmented_control(
        "View", list(VIEWS), default="Photos", required=True, key=dataset_links.VIEW, bind="query-params", label_visibility="collapsed"
    )
    VIEWS[view](dataset, version)


def _choose(datasets: Mapping[str, Dataset]) -> tuple[Dataset, Version]:
    wanted = links.parameter("dataset")
    ids = list(datasets)
    left, right = st.columns([3, 2])
    chosen = left.selectbox(
        "Dataset", ids, index=ids.index(wanted) if wanted in ids else 0, format_func=lambda i: datasets[i].name, key=f"ds_choice_{wanted}"
    )
    if chosen != wanted:
        links.set_parameters(dataset=chosen, version="")
    versions = {item.id: item for item in store.versions(chosen) if isinstance(item, Version)}
    names = list(versions)
    if not names:
        store.latest(chosen)  # raises, saying that no version can be read
    asked = links.parameter("version") if chosen == wanted else ""
    picked = right.selectbox(
        "Version",
        names,
        index=names.index(asked) if asked in names else 0,
        format_func=lambda name: _version_title(versions[name]),
        key=f"ds_version_{chosen}_{len(names)}_{asked}",
    )
    if picked != (asked or names[0]):
        links.set_parameters(version=picked)
    return datasets[chosen], versions[picked]


def _version_title(version: Version) -> str:
    return f"{version.id}: {version.note}" if version.note else version.id


def _figures(dataset: Dataset, version: Version) -> None:
    parts = version.split_counts()
    with st.grid(5, min_column_width=130, gap="small"):
        st.metric("Photos in use", f"{sum(parts[s] for s in settings.SPLITS[:3]):,}", border=True)
        st.metric("Classes", len(version.classes), border=True)
        for split in settings.SPLITS[:3]:
            st.metric(split.capitalize(), f"{parts[split]:,}", border=True)
    place = remote.begins(dataset.root) or str(dataset.root)
    kind = "Drawings made by Fieldmark" if dataset.drawn else f"Photos in {plain(place)}"
    st.caption(f"{kind}. {_how(version.split)}")
    with st.container(horizontal=True):
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
        with st.popover("More", icon=":material/more_horiz:"):
            _more(dataset)


def _more(dataset: Dataset) -> None:
    name = st.text_input("Name", dataset.name, key=f"ds_rename_{dataset.id}", max_chars=settings.MAX_NAME_LENGTH)
    if st.button("Rename", key="ds_rename_go") and name.strip():
        with messages.shown():
            store.rename(dataset.id, name)
            st.rerun()
    if remote.begins(dataset.root):
        _copies(dataset)
    sure = st.checkbox("Delete this dataset and all its versions", key="ds_delete_sure", help="Photos in your own folder are left alone.")
    if st.button("Delete", key="ds_delete", icon=":material/delete:", disabled=not sure) and sure:
        with messages.shown():
            store.delete(dataset.id)
            links.to("datasets")


def _copies(dataset: Dataset) -> None:
    """What is kept here of photos that lie in S3."""
    photos, size = remote.kept(dataset.root)
    st.caption(f"Copies here of photos in S3: {photos:,}, {files.human_bytes(size)}. What is needed again is fetched again.")
    busy = any(job.spec.get("dataset_id") == dataset.id and not job.state.is_finished for job in jobs.readable())
    words = "A job is at work on these photos; wait for its end." if busy else ""
    if st.button(
        "Remove the copies", key="ds_forget", icon=":material/cleaning_services:", disabled=busy or not photos, help=words or None
    ):
        remote.forget(dataset.root)
        st.rerun()


def _how(split: Mapping[str, object]) -> str:
    seed = split.get("seed", settings.DEFAULT_SEED)
    how = {
        "official": "The split its makers gave; what they left out is carved from train, class by class,",
        "grouped": "Split at random within each class, copies kept together,",
        "k-fold": f"Fold {split.get('fold')} of {split.get('folds')}: another part of train is validation in each,",
    }.get(str(split.get("kind")), "Split at random within each class,")
    since = {name: int(str(split.get(name, 0))) for name in ("moved", "added")}
    words = {"moved": "moved by hand since.", "added": "added since."}
    return " ".join([f"{how} with seed {seed}.", *(f"{count(number, 'photo')} {words[name]}" for name, number in since.items() if number)])


def _classes(_dataset: Dataset, version: Version) -> None:
    table = pd.DataFrame.from_dict(version.counts, orient="index")[list(settings.SPLITS)]
    table.insert(0, "images", table.sum(axis=1))
    table = table.rename_axis("class").reset_index()
    charts.class_balance(table, key="ds_balance")
    st.dataframe(
        table,
        hide_index=True,
        column_config={"images": st.column_config.ProgressColumn("images", format="%d", max_value=int(table["images"].max()))},
        alt="Photos per class and split",
    )


def _report(dataset: Dataset, version: Version) -> None:
    facts = ImportReport.of(version.report or store.version(dataset.id, "v1").report)
    bad = store.manifest_of(version, columns=["path", "label", "problem"], filters=[("problem", "!=", "")])
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
        st.success("Every photo could be opened and decoded to its last line.", icon=":material/check_circle:")
    else:
        st.markdown(f"**{count(len(bad), 'file')} can't be used** and are left out of training:")
        st.dataframe(bad, hide_index=True, alt="Files that can't be used, with the reason")
    if facts.ignored:
        st.markdown("**Left aside**: " + plain(", ".join(f"{number} {reason}" for reason, number in facts.ignored.items())))
    if facts.row_errors:
        st.markdown(f"**{count(facts.row_error_count, 'row')} of the table of labels can't be used:**")
        st.dataframe({"row": facts.row_errors}, hide_index=True, alt="Rows of the table of labels that can't be used, with the reason")
    if facts.missing:
        st.markdown(f"**{count(facts.missing, 'photo')} listed in the tables are not in the folder.**")
    if facts.duplicates:
        st.markdown("**The same bytes more than once.** Copies always share a split, so they can't leak from train into test.")
        st.dataframe(pd.DataFrame(facts.duplicates, columns=["photo", "the same again"]), hide_index=True, alt="Exact duplicates")


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
