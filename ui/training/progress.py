"""How far a running training is: its stages, one bar, and the photos that go through it."""

from __future__ import annotations

import streamlit as st

from core.datasets import store
from core.errors import FieldmarkError
from core.jobs.status.progress import TrainingProgress
from core.jobs.store import Job
from core.training import stage
from core.training.setup import Setup, setup_of
from core.training.stage import Stage
from ui import links
from ui.components.gallery import gallery
from ui.shared import job_state, live, thumbnails
from ui.text import left, plain

Rows = list[dict[str, float]]
TITLES = {stage.FEATURES: "Features", stage.TRAINING: "Training", stage.TEST: "Test"}
TILE = 84


def show(job: Job, rows: Rows, photos: tuple[str, ...]) -> None:
    """Draw the bar, the stages and the photos; the bar stays from the first second to the last."""
    setup = setup_of(job.spec.get("hyperparameters", {}))
    told = TrainingProgress.from_json(job.status.progress)
    now = stage.stage_of(rows, setup)
    if told.waits_for:
        st.progress(0.0, text=plain(job_state.phase(job)))
    elif now is None and told.total:
        words = f"{told.phase}: {told.done:,} of {told.total:,}{left(told.seconds_left)}"
        live.bar(told.done, told.total, plain(words))
    elif now is None:
        st.progress(0.0, text=plain(job_state.phase(job)))
    else:
        st.progress(now.share, text=plain(words_of(now, setup)))
    if now is not None:
        _stages(now)
    job_state.notes(job)
    if photos and _are_current(now, setup):
        _photos(job, photos)


def _are_current(now: Stage | None, setup: Setup) -> bool:
    """Return whether the photos that the log named last are those of this moment: a head on
    cached features sees none."""
    if now is None or now.name == stage.FEATURES:
        return True
    return setup.is_finetuned and now.name == stage.TRAINING


def words_of(now: Stage, setup: Setup) -> str:
    """Return the stage in words, such as `Epoch 3 of 8`."""
    if now.name == stage.FEATURES:
        return f"Photos through the backbone: {now.done:,} of {now.total:,}"
    if now.name == stage.TEST:
        return "Scoring the test split and storing the model"
    if not now.total:
        return f"Epoch {now.done}"
    if setup.may_end_early:
        return f"Epoch {now.done} of at most {now.total}"
    return f"Epoch {now.done} of {now.total}"


def _stages(now: Stage) -> None:
    """The stages in order: those done, the current one, those to come."""
    names = list(TITLES)
    place = names.index(now.name)
    shown = []
    for number, name in enumerate(names):
        colour, icon = "gray", "radio_button_unchecked"
        if number < place:
            colour, icon = "green", "check"
        elif number == place:
            colour, icon = "blue", "progress_activity"
        shown.append(f":{colour}-badge[:material/{icon}: {TITLES[name]}]")
    st.markdown(" ".join(shown))


def _photos(job: Job, photos: tuple[str, ...]) -> None:
    """Thumbnails of the photos that the log named last. A click opens the photo's page."""
    dataset_id, version_id = str(job.spec["dataset_id"]), str(job.spec["version_id"])
    try:
        version = store.version(dataset_id, version_id)
        frame = store.manifest_of(
            version, ["image_id", "path", "label", "split"], [("image_id", "in", list(photos))]
        )
        root = store.dataset(dataset_id).root
    except FieldmarkError:
        return  # the dataset was deleted while its job runs
    frame = frame.drop_duplicates("image_id").set_index("image_id", drop=False)
    frame = frame.loc[[one for one in photos if one in frame.index]]
    st.caption("Photos processed last")
    opened = gallery(thumbnails.tiles(root, frame), key=f"tr_photos_{job.id}", side=TILE)
    if opened:
        links.to("datasets", dataset=dataset_id, version=version_id, photo=opened)
