"""The form that starts a training job: data, preset or architecture, mode, and every
hyperparameter for who wants them."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core import settings
from core.datasets import store
from core.errors import FieldmarkError, UserError
from core.io.names import numbered
from core.jobs import store as jobs
from core.jobs.specs import TrainingSpec, training_spec
from core.training import script as scripts
from ui import links, messages
from ui.shared import compute_form, crop_notice, hyperparameter_form, model_picker, version_picker
from ui.shared.compute_form import Where
from ui.text import plain


def show() -> None:
    """The whole form. A cloned job fills it; a double click on Train makes one job."""
    datasets = version_picker.datasets(key="tr_dataset_first")
    if not datasets:
        return
    origin = _origin()
    given = dict(origin.hyperparameters) if origin else {}
    wanted = (
        (origin.dataset_id, origin.version_id)
        if origin
        else (links.parameter("dataset"), links.parameter("version"))
    )
    with st.container(border=True, key="tr_form"):
        version = version_picker.show(datasets, *wanted, prefix="tr")
        if version is None:
            return
        values = model_picker.show(given, prefix="tr", suffix=_suffix(origin))
        values |= hyperparameter_form.show(
            given,
            values.get("mode", "frozen"),
            key=f"tr_h_{_suffix(origin)}",
            without=crop_notice.not_offered(version),
        )
        proposed = numbered(_default_name(datasets[version.dataset_id], values), _names())
        name = st.text_input(
            "Name",
            numbered(origin.name, _names()) if origin else "",
            key=f"tr_job_name_{_suffix(origin)}",
            placeholder=proposed,
            max_chars=settings.MAX_NAME_LENGTH,
        )
        model_picker.download_note(values)
        where = compute_form.show(
            origin.resources if origin else None,
            compute_form.cloned_from(),
            prefix="tr",
            suffix=_suffix(origin),
            mode=values.get("mode", "frozen"),
        )
        st.session_state.setdefault("tr_id", jobs.new_id("training"))
        if st.button("Train", type="primary", key="tr_train", icon=":material/play_arrow:"):
            _submit(name.strip() or proposed, version, values, where)
        st.caption(compute_form.words(where))


def _origin() -> TrainingSpec | None:
    """The spec of the job that is being cloned, if one is."""
    if not links.parameter("clone"):
        return None
    with messages.shown():
        return training_spec(jobs.read(links.parameter("clone")))
    return None


def _suffix(origin: TrainingSpec | None) -> str:
    if origin:
        return origin.id
    return "new"


def _default_name(dataset: store.Dataset, values: Mapping[str, str]) -> str:
    what = values.get("arch") or values.get("preset", "fast")
    fine = ", fine-tuned" if values.get("mode") == "finetune" else ""
    return f"{dataset.name}, {what}{fine}"[: settings.MAX_NAME_LENGTH]


def _names() -> list[str]:
    return [job.name for job in jobs.readable("training") if not job.tuning_id]


def _submit(name: str, version: store.Version, values: Mapping[str, str], where: Where) -> None:
    try:
        scripts.check(values)
        spec = TrainingSpec(
            name,
            version.dataset_id,
            version.id,
            dict(values),
            id=st.session_state["tr_id"],
            resources=where.resources,
        )
        job = where.backend.train(spec)
    except UserError as error:
        messages.beside(messages.as_fields(error), error.field)
        return
    except FieldmarkError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    # The id is made with the form and not with the click: two clicks are one job, and only now is
    # there a new one.
    st.session_state["tr_id"] = jobs.new_id("training")
    links.to("train", job=job.id)
