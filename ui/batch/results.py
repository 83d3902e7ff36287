"""The results of a batch: metrics, warnings, filters, and the views of the filtered rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from core.batch import results, sources, table
from core.batch.table import Choice, Table
from core.errors import NotFound
from core.evaluation import scores
from core.jobs.run_folder import RunFolder
from core.jobs.status.asked import transform_spec
from core.jobs.status.progress import BatchProgress
from core.jobs.store import Job, State
from core.models.store import Model
from ui import choices
from ui.batch import about as batch_about
from ui.batch import photo as batch_photo
from ui.batch import photos as batch_photos
from ui.batch import scores as batch_scores
from ui.predictions import albums
from ui.text import count, percent, share

VIEWS = {
    "photos": "Photos",
    "table": "Table",
    "classes": "Classes",
    "accuracy": "Accuracy",
    "about": "About",
}
OUTCOMES = {
    "all": "All",
    "wrong": "Wrong",
    "right": "Right",
    "unsure": "Unsure",
    "unfamiliar": "Unfamiliar",
    "errors": "Errors",
    "unlabelled": "No label",
}


def show(job: Job, model: Model) -> None:
    """Draw everything about the finished rows; while the batch runs, those finished so far."""
    found = _table(job, model)
    if not len(found):
        if job.state.is_finished:
            st.info("This batch ended before it finished a photo.", icon=":material/info:")
        return
    if not job.state.is_finished:
        _so_far(len(found))
    elif job.state is not State.COMPLETED:
        _ended_early(job, found)
    _figures(job, found)
    _warnings(found)
    views = [view for view in VIEWS if view != "accuracy" or len(found.answers)]
    view = choices.view(
        "View",
        views,
        label=VIEWS.__getitem__,
        key="ba_view",
        keep=("job",),
        label_visibility="collapsed",
    )
    root = _root(job)
    albums.begin()
    if view == "accuracy":
        batch_scores.accuracy(job, found, root)
    elif view == "classes":
        batch_scores.classes(job, found, root)
    elif view == "about":
        batch_about.show(job)
    else:
        _rows(job, found, root, view)
    batch_photo.show(job, found, root)


@st.cache_resource(max_entries=8, show_spinner=False)
def _read(job_id: str, parts: tuple[str, ...], _classes: tuple[str, ...]) -> Table:
    return table.read(RunFolder.of(job_id), _classes)


def _table(job: Job, model: Model) -> Table:
    """Return the table, read again only when rows were added: the names of the files, `parts`, tell
    which rows they have."""
    return _read(job.id, tuple(path.name for path in results.parts(job.folder)), model.classes)


def _root(job: Job) -> Path | None:
    """Return the folder of the photos, or None if their dataset was deleted."""
    try:
        return sources.root_of(transform_spec(job), job.folder)
    except NotFound:
        return None


def _so_far(done: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"The first {count(done, 'photo')} so far.", width="content")
        st.button("Refresh", key="ba_refresh", icon=":material/refresh:", type="tertiary")


def _total(job: Job, found: Table) -> int:
    """Return how many photos the batch has, or how many are finished if that is not known."""
    total = BatchProgress.from_json(job.status.progress).total
    if total is None:
        return len(found)
    return total


def _ended_early(job: Job, found: Table) -> None:
    total = _total(job, found)
    answered = f"{len(found) - int(found.error.sum()):,} of {count(total, 'photo')}"
    st.caption(
        f"{answered} were classified before this batch ended. Resume continues with the rest."
    )


def _figures(job: Job, found: Table) -> None:
    total = _total(job, found)
    figures = [
        (
            "Photos",
            f"{len(found):,}",
            f"of {total:,}" if len(found) < total else None,
            "Finished photos, including errors.",
        ),
        ("Accuracy", *_accuracy(found)),
        (
            "Unsure",
            *_part(int(found.unsure.sum()), len(found)),
            "The highest probability is below the model's threshold.",
        ),
        (
            "Unfamiliar",
            *_part(int(found.unfamiliar.sum()), len(found)),
            "Unlike every training photo of the model.",
        ),
        (
            "Errors",
            *_part(int(found.error.sum()), len(found)),
            "Photos that could not be used. The filter Errors shows the reasons.",
        ),
    ]
    with st.grid(5, min_column_width=130, gap="small"):
        for label, value, note, words in figures:
            st.metric(
                label,
                value,
                note,
                delta_color="off",
                delta_arrow="off",
                border=True,
                height="stretch",
                help=words,
            )


def _accuracy(found: Table) -> tuple[str, str | None, str]:
    """Return the accuracy, the counts behind it, and its meaning. Photos that the model was trained
    on are left out if there are others."""
    score = scores.top1(found.unseen if len(found.unseen) else found.answers)
    if not score.n:
        return "-", None, "No photo here has a label that is one of the model's classes."
    why = f"Top-1 over {count(score.n, 'photo')} whose label is one of the model's classes"
    if 0 < len(found.unseen) < len(found.answers):
        why += ", without those it was trained on"
    return f"{score.value:.3f}", f"{score.correct:,}/{score.n:,}", f"{why}."


def _part(number: int, total: int) -> tuple[str, str | None]:
    return f"{number:,}", percent(number / total, 1) if number else None


def _warnings(found: Table) -> None:
    errors = int(found.error.sum())
    if errors:
        st.caption(
            f":orange[:material/broken_image: {errors:,} of {count(len(found), 'photo')} could not "
            "be used.] Choose Errors to see the reasons."
        )
    seen = int((found.in_training == table.YES).sum())
    if seen:
        words = (
            f"The model was trained on {seen:,} of these {len(found):,} photos (identical bytes, "
            "whatever the file name)."
        )
        if len(found.unseen):
            words += (
                f" They are left out of the accuracy; with them it would be {_with_them(found)}."
            )
        elif len(found.answers):
            words += " This accuracy does not apply to new photos."
        st.warning(words, icon=":material/school:")
    elif len(found.answers) and (found.in_training[~found.error] == table.NOT_KNOWN).all():
        st.info(
            (
                "The model's training data was deleted, so it is unknown whether it was trained on "
                "these photos."
            ),
            icon=":material/info:",
        )


def _with_them(found: Table) -> str:
    score = scores.top1(found.answers)
    return share(score.correct, score.n)


def _rows(job: Job, found: Table, root: Path | None, view: str) -> None:
    choice = _choice(found)
    rows = found.select(choice)
    if not len(rows):
        st.info("No photo matches these filters.", icon=":material/filter_alt_off:")
    elif choice.outcome == "errors":
        batch_photos.errors(found, rows)
    elif view == "photos":
        batch_photos.wall(job, found, rows, root)
    else:
        batch_photos.table(job, found, rows, root)


def _choice(found: Table) -> Choice:
    present = [
        name for name in OUTCOMES if name == "all" or len(found.select(Choice(outcome=name)))
    ]
    outcome = choices.pill(
        "Show",
        present,
        start="all",
        label=OUTCOMES.__getitem__,
        key="ba_show",
        bind="query-params",
        label_visibility="collapsed",
    )
    answers, labels = (
        sorted(found.names[code] for code in np.unique(codes) if code >= 0)
        for codes in (found.predicted, found.label)
    )
    columns = st.columns([3, 3, 3, 2] if labels else [3, 3, 2])
    prediction = choices.one(
        "Predicted",
        ["", *answers],
        label=lambda name: name or "Any class",
        key="ba_class",
        bind="query-params",
        on=columns[0],
    )
    label = ""
    if labels:
        label = choices.one(
            "Label",
            ["", *labels],
            label=lambda name: name or "Any label",
            key="ba_label",
            bind="query-params",
            on=columns[1],
        )
    low, high = columns[-2].slider(
        "Confidence", 0, 100, (0, 100), format="%d %%", key="ba_confidence", bind="query-params"
    )
    order = choices.one(
        "Order",
        table.ORDERS,
        label=str.capitalize,
        key="ba_order",
        bind="query-params",
        on=columns[-1],
    )
    return Choice(outcome, prediction, label, low / 100, high / 100, order)
