"""The versions of a dataset: what changed between two, photo by photo; training on one and
reverting one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import streamlit as st

from core import backends
from core.datasets import store
from core.datasets.editing import history
from core.datasets.editing.history import Diff
from core.datasets.store import Dataset, Version
from core.errors import FieldmarkError
from core.io.names import numbered
from core.jobs import store as jobs
from core.jobs.specs import TrainingSpec
from core.jobs.status.asked import training_spec
from ui import choices, links, messages, paging
from ui.datasets import links as dataset_links
from ui.datasets.photos import selection
from ui.shared import submit
from ui.text import plain

PAGE_SIZE = 24


def show(dataset: Dataset, version: Version) -> None:
    """Draw what this version changed, compared with any other version."""
    others = [
        item
        for item in store.versions(dataset.id)
        if isinstance(item, Version) and item.id != version.id
    ]
    words = f"**{version.id}**"
    if version.parent:
        words += f", made from {version.parent}"
    st.markdown(
        f"{words} on {version.created[:16].replace('T', ' at ')} (UTC): "
        f"{plain(version.note or 'no note')}."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        _train(dataset, version)
        if version.parent:
            _take_back(dataset, version)
    if not others:
        st.caption("This is the only version. Edits and new splits create the next one.")
        return
    titles = {item.id: f"{item.id}: {item.note}" for item in others}
    before = choices.one(
        "Compare with",
        list(titles),
        start=version.parent,
        label=titles.__getitem__,
        key=f"ds_compare_{dataset.id}_{version.id}",
    )
    with messages.report_errors():
        _difference(dataset, version, _diff(dataset.id, before, version.id))


@st.cache_data(max_entries=8, show_spinner="Comparing the versions")
def _diff(dataset_id: str, before: str, after: str) -> Diff:
    return history.diff(store.version(dataset_id, before), store.version(dataset_id, after))


def _difference(dataset: Dataset, version: Version, found: Diff) -> None:
    changes = found.changes
    st.markdown(f"From {found.before.id} to {found.after.id}: **{found.summary()}**.")
    if changes.empty:
        return
    table = changes[["what", "before", "after", "why", "when", "version", "path"]]
    st.dataframe(
        table,
        hide_index=True,
        height=min(320, 38 + 35 * len(table)),
        alt="Changes, photo by photo",
    )
    listed = changes[changes["what"] != history.REMOVED].drop_duplicates("path")
    part = paging.shown(len(listed), PAGE_SIZE, key="ds_history_page", bind="query-params")
    some = listed.iloc[part]
    rows = some[["path"]].merge(
        store.manifest_of(version, filters=[("path", "in", some["path"].tolist())]), on="path"
    )
    if rows.empty:
        return
    said: dict[str, list[str]] = {}
    for change in changes[changes["path"].isin(rows["path"])].to_dict("records"):
        said.setdefault(change["path"], []).append(_said(change))
    selection.wall(
        dataset,
        version,
        rows,
        key="ds_history_wall",
        detail=["; ".join(said[path]) for path in rows["path"]],
        order=listed["path"].tolist(),
    )


def _said(change: Mapping[Hashable, str]) -> str:
    word = history.WORDS[change["what"]]
    if change["what"] in (history.OUT, history.ADDED):
        if change["why"]:
            return f"{word} ({change['why']})"
        return word
    return f"{word}: {change['before']} to {change['after']}"


def _train(dataset: Dataset, version: Version) -> None:
    """Draw the button that trains with the settings last used on this dataset; a double click
    starts one job."""
    last = next(
        (job for job in jobs.readable("training") if job.spec.get("dataset_id") == dataset.id), None
    )
    how = "Uses the fast preset."
    if last:
        how = f"Uses the settings of {plain(last.name)}."
    submit.button(
        "Train now",
        lambda job_id: backends.LOCAL.train(_again(dataset, version, last, job_id)),
        lambda job: links.to("train", job=job.id),
        form=f"ds_train_{dataset.id}_{version.id}",
        kind="training",
        key=f"ds_train_now_{dataset.id}_{version.id}",
        icon=":material/play_arrow:",
        help=how,
    )
    links.link(
        "train", "Choose settings", ":material/tune:", dataset=dataset.id, version=version.id
    )


def _again(dataset: Dataset, version: Version, last: jobs.Job | None, job_id: str) -> TrainingSpec:
    values = {"preset": "fast"}
    if last:
        values = dict(training_spec(last).hyperparameters)
    taken = [job.name for job in jobs.readable("training")]
    name = numbered(f"{dataset.name} {version.id}", taken)
    return TrainingSpec(name, dataset.id, version.id, values, id=job_id)


def _take_back(dataset: Dataset, version: Version) -> None:
    place = f"{dataset.id}_{version.id}"
    with st.popover("Revert", icon=":material/undo:", key=f"ds_take_back_{place}"):
        newest = store.latest(dataset.id)
        words = (
            f"Creates a new version without the changes of {version.id}: those photos are as in "
            f"{version.parent}."
        )
        if newest.id != version.id:
            words += f" Later changes, up to {newest.id}, are kept."
        st.markdown(words)
        if st.button(f"Revert {version.id}", key=f"ds_revert_{place}"):
            try:
                made = history.revert(version, newest)
            except FieldmarkError as error:
                st.error(plain(str(error)), icon=":material/error:")
                return
            dataset_links.to(dataset.id, made.id, "History")
