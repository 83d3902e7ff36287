"""The results of a batch: figures, filters, photos, the table, the classes, and the accuracy where labels are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from core import jobs
from core.errors import NotFound
from core.evaluation import scores
from core.jobs import Job
from core.models import Model
from core.specs import transform_spec
from core.transform import results, sources, table
from core.transform.table import Choice, Table
from ui import batch_photos, batch_scores, charts, links
from ui.text import count, plain, share

VIEWS = {"photos": "Photos", "table": "Table", "classes": "Classes", "accuracy": "Accuracy", "about": "About"}
OUTCOMES = {
    "all": "Everything",
    "wrong": "Wrong",
    "right": "Right",
    "unsure": "Unsure",
    "unfamiliar": "Unfamiliar",
    "errors": "Errors",
    "unlabelled": "No known label",
}


def show(job: Job, model: Model) -> None:
    """Everything about the rows there are; while the batch runs, those finished so far."""
    found = _table(job, model)
    if not len(found):
        if job.state.is_finished:
            st.info("This batch ended before any photo was finished.", icon=":material/info:")
        return
    _figures(job, found)
    _warnings(job, model, found)
    views = [view for view in VIEWS if view != "accuracy" or len(found.answers)]
    view = (
        st.segmented_control("View", views, default="photos", format_func=VIEWS.__getitem__, key="ba_view", bind="query-params") or "photos"
    )
    root = _root(job)
    if view == "accuracy":
        batch_scores.show(job, found, root)
    elif view == "classes":
        _classes(found)
    elif view == "about":
        _about(job)
    else:
        _rows(job, model, found, root, view)


@st.cache_resource(max_entries=8, show_spinner=False)
def _read(job_id: str, _version: tuple[str, ...], _model: Model) -> Table:
    return table.read(jobs.RunFolder.of(job_id), _model.classes)


def _table(job: Job, model: Model) -> Table:
    """Read again only where files have come since."""
    return _read(job.id, tuple(path.name for path in results.parts(job.folder)), model)


def _root(job: Job) -> Path | None:
    """Where the photos lie, or None where their dataset has gone."""
    try:
        return sources.root_of(transform_spec(job), job.folder)
    except NotFound:
        return None


def _figures(job: Job, found: Table) -> None:
    total = int(job.status.progress.get("total", len(found)))
    score = scores.top1(found.answers)
    with st.grid(5, min_column_width=130, gap="small"):
        st.metric("Photos", f"{len(found):,}" if len(found) == total else f"{len(found):,} of {total:,}", border=True, height="stretch")
        known = f"Top-1, counted over the {count(score.n, 'photo')} whose class is known to be one of the model's."
        st.metric(
            "Accuracy",
            f"{score.value:.3f}" if score.n else "-",
            border=True,
            height="stretch",
            help=known if score.n else "No photo has a known class.",
        )
        st.metric(
            "Unsure",
            f"{int(found.unsure.sum()):,}",
            border=True,
            height="stretch",
            help="The best answer lies below the model's own threshold.",
        )
        st.metric(
            "Unfamiliar", f"{int(found.unfamiliar.sum()):,}", border=True, height="stretch", help="Unlike everything seen in training."
        )
        st.metric(
            "Errors",
            f"{int(found.error.sum()):,}",
            border=True,
            height="stretch",
            help="Photos that could not be used; each has its reason.",
        )


def _warnings(job: Job, model: Model, found: Table) -> None:
    errors = int(found.error.sum())
    if errors:
        st.warning(
            f"{count(errors, 'photo')} of {len(found):,} could not be used. Choose Errors below to see why.", icon=":material/broken_image:"
        )
    seen = int((found.in_training == table.YES).sum())
    if seen:
        words = f"The model learned from {count(seen, 'of these photos', 'of these photos')} (the same bytes, whatever the file is called)."
        clean = scores.top1(found.without_training())
        if clean.n and len(found.answers) > clean.n:
            words += f" On the other {clean.n:,} its accuracy is {share(clean.correct, clean.n)}."
        elif len(found.answers):
            words += " The accuracy here says nothing about new photos."
        st.warning(words, icon=":material/school:")
    elif (found.in_training == -1).all() and len(found.answers):
        st.info(
            "The dataset that the model learned from is gone, so nobody can tell whether it has seen these photos.", icon=":material/info:"
        )


def _rows(job: Job, model: Model, found: Table, root: Path | None, view: str) -> None:
    rows = found.select(_choice(model, found))
    if not len(rows):
        st.info("No photo passes these filters.", icon=":material/filter_alt_off:")
        return
    show_view = batch_photos.wall if view == "photos" else batch_photos.table
    show_view(job, found, rows, root)


def _choice(model: Model, found: Table) -> Choice:
    present = [name for name in OUTCOMES if name == "all" or len(found.select(Choice(outcome=name)))]
    outcome = st.pills("Show", present, default="all", format_func=OUTCOMES.__getitem__, key="ba_show", bind="query-params") or "all"
    first, second, third, fourth = st.columns([3, 3, 3, 2])
    predicted = sorted({found.names[code] for code in np.unique(found.predicted) if code >= 0})
    prediction = first.selectbox("Predicted", ["", *predicted], format_func=lambda n: n or "Any class", key="ba_class", bind="query-params")
    labels = sorted({found.names[code] for code in np.unique(found.label) if code >= 0})
    label = ""
    if labels:
        label = (
            second.selectbox("Known label", ["", *labels], format_func=lambda n: n or "Any label", key="ba_label", bind="query-params")
            or ""
        )
    low, high = third.slider("Confidence", 0, 100, (0, 100), step=1, format="%d %%", key="ba_confidence", bind="query-params")
    order = fourth.selectbox("Order", table.ORDERS, format_func=str.capitalize, key="ba_order", bind="query-params")
    return Choice(outcome, prediction or "", label, low / 100, high / 100, order)


def _classes(found: Table) -> None:
    counts = found.counts()
    charts.predicted_classes(counts, key="ba_counts")
    st.caption("How often each class was the answer. A class that comes up far more often than it should is worth a look at its photos.")
    shown = counts.assign(photos=counts["sure"] + counts["unsure"])[["class", "photos", "unsure"]]
    st.dataframe(shown, hide_index=True, alt="Photos per predicted class")
    chosen: str = st.selectbox("Photos of", counts["class"], key="ba_counts_class")
    if st.button("Show them", key="ba_counts_show", icon=":material/photo_library:"):
        links.set_parameters(ba_view="", ba_class="")
        st.query_params.from_dict({**st.query_params.to_dict(), "ba_class": chosen, "ba_view": "photos"})
        st.rerun()


def _about(job: Job) -> None:
    facts = job.status.progress
    parity = facts.get("parity") or {}
    st.markdown(f"**Form of the model**: {plain(str(facts.get('form', '-')))}")
    if parity:
        st.caption(
            f"Measured against plain fp32 on {count(int(parity['photos']), 'photo')}: no probability differs by more than "
            f"{parity['max_difference']:.3f}, and {parity['same_class']} of {parity['photos']} have the same best class."
        )
    if facts.get("seconds"):
        st.markdown(f"**Speed**: {facts.get('images_per_second', 0):,.0f} photos a second, decoding included")
    downloads(job)
    with st.expander("The table's columns", icon=":material/table:"):
        rows = {"column": list(results.DESCRIPTIONS), "what it holds": list(results.DESCRIPTIONS.values())}
        st.dataframe(rows, hide_index=True, alt="The columns of the results and what they hold")
    with st.expander("Log", icon=":material/article:"):
        from core import backends

        st.code(backends.of(job).log(job).text[-20_000:] or "Nothing.", language=None, height=200)
    st.caption(f"Batch `{job.id}`, kept in `{job.folder.path}`.")


def downloads(job: Job) -> None:
    """CSV and Parquet of all rows, made when they are asked for."""
    folder = job.folder
    with st.container(horizontal=True):
        st.download_button(
            "CSV",
            lambda: b"".join(results.to_csv(folder)),
            f"{job.id}.csv",
            "text/csv",
            key="ba_csv",
            icon=":material/download:",
            on_click="ignore",
        )
        if results.results_file(folder).exists():
            st.download_button(
                "Parquet",
                results.results_file(folder).read_bytes,
                f"{job.id}.parquet",
                "application/vnd.apache.parquet",
                key="ba_parquet",
                icon=":material/download:",
                on_click="ignore",
            )
