"""The form that starts a training job: data, preset or architecture, mode, hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core import settings
from core.datasets import store
from core.io.names import numbered
from core.jobs import store as jobs
from core.jobs.specs import TrainingSpec
from core.jobs.status.asked import training_spec
from core.training import script as scripts
from ui import links, messages
from ui.shared import crop_notice, submit, version_picker
from ui.training import compute_form, hyperparameter_form, model_picker
from ui.training.compute_form import Where

# The form's values if no job is cloned.
NOTHING_SET = TrainingSpec("defaults", "", "", {}, id="")


def show() -> None:
    """Draw the form. A cloned job fills it; a double click on Train makes one job."""
    datasets = version_picker.datasets(key="tr_dataset_first")
    if not datasets:
        return
    origin = _origin()
    start = origin or NOTHING_SET
    given, suffix = dict(start.hyperparameters), start.id or "new"
    with st.container(border=True, key="tr_form"):
        version = version_picker.show(datasets, *_wanted(origin), prefix="tr")
        if version is None:
            return
        values = model_picker.show(given, prefix="tr", suffix=suffix)
        values |= hyperparameter_form.show(
            given,
            values.get("mode", "frozen"),
            key=f"tr_h_{suffix}",
            without=crop_notice.not_offered(version),
        )
        name = _name(origin, _default_name(datasets[version.dataset_id], values), suffix)
        model_picker.download_note(values)
        where = compute_form.show(
            start.resources,
            compute_form.cloned_from(),
            prefix="tr",
            suffix=suffix,
            mode=values.get("mode", "frozen"),
        )
        submit.button(
            "Train",
            lambda job_id: _train(name, version, values, where, job_id),
            lambda job: links.to("train", job=job.id),
            form="tr",
            kind="training",
            key="tr_train",
            icon=":material/play_arrow:",
        )
        st.caption(compute_form.words(where))


def _origin() -> TrainingSpec | None:
    """Return the spec of the job to clone, or None."""
    if not links.parameter("clone"):
        return None
    with messages.report_errors():
        return training_spec(jobs.read(links.parameter("clone")))
    return None


def _wanted(origin: TrainingSpec | None) -> tuple[str, str]:
    """Return the dataset and version of the cloned job, or those of the address."""
    if origin:
        return origin.dataset_id, origin.version_id
    return links.parameter("dataset"), links.parameter("version")


def _name(origin: TrainingSpec | None, usual: str, suffix: str) -> str:
    """Return what is typed, else the proposed name."""
    taken = [job.name for job in jobs.readable("training") if not job.tuning_id]
    proposed, cloned = numbered(usual, taken), ""
    if origin:
        cloned = numbered(origin.name, taken)
    name = st.text_input(
        "Name",
        cloned,
        key=f"tr_job_name_{suffix}",
        placeholder=proposed,
        max_chars=settings.MAX_NAME_LENGTH,
    )
    return name.strip() or proposed


def _default_name(dataset: store.Dataset, values: Mapping[str, str]) -> str:
    what = values.get("arch") or values.get("preset", "fast")
    if values.get("mode") == "finetune":
        what += ", fine-tuned"
    return f"{dataset.name}, {what}"[: settings.MAX_NAME_LENGTH]


def _train(
    name: str, version: store.Version, values: Mapping[str, str], where: Where, job_id: str
) -> jobs.Job:
    scripts.check(values)
    return where.backend.train(
        TrainingSpec(
            name,
            version.dataset_id,
            version.id,
            dict(values),
            id=job_id,
            resources=where.resources,
        )
    )
