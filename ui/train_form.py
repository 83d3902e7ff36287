"""The form that starts a training job: data, preset or architecture, mode, and every hyperparameter for who wants them."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core import backends, jobs, scripts, settings
from core.datasets import store
from core.errors import FieldmarkError, UserError
from core.specs import TrainingSpec, training_spec
from ui import hyperparameter_form, links, messages
from ui.text import count, plain

CUSTOM = "custom"
ADVICE = {
    "frozen": "The backbone stays as it is; a head is trained on its features, which are kept. "
    "Seconds to a minute, and the best choice for small datasets.",
    "finetune": "The backbone learns too. On a CPU many minutes for one or two points on a small dataset; for large datasets and GPUs.",
}


def show() -> None:
    """The whole form. A cloned job fills it; a double click on Train makes one job."""
    datasets = {item.id: item for item in store.datasets() if isinstance(item, store.Dataset)}
    if not datasets:
        st.info("There is nothing to train on yet. Import photos or take the sample first.", icon=":material/photo_library:")
        links.button(
            "Get a dataset", "datasets", key="tr_dataset_first", icon=":material/add_photo_alternate:", kind="primary", view="import"
        )
        return
    origin = _origin()
    with st.container(border=True, key="tr_form"):
        version = _data(datasets, origin)
        if version is None:
            return
        values = {**_what(origin), **hyperparameter_form.show(origin)}
        proposed = _default_name(datasets[version.dataset_id], values)
        name = st.text_input(
            "Name",
            origin.name if origin else "",
            key=f"tr_job_name_{_suffix(origin)}",
            placeholder=proposed,
            max_chars=settings.MAX_NAME_LENGTH,
        )
        _notes(values)
        st.session_state.setdefault("tr_id", jobs.new_id("training"))
        if st.button("Train", type="primary", key="tr_train", icon=":material/play_arrow:"):
            _submit(name or proposed, version, values)
        st.caption("It runs on this workstation, costs nothing, and goes on when this page or the app is closed.")


def _origin() -> TrainingSpec | None:
    """The spec of the job that is being cloned, if one is."""
    if not links.parameter("clone"):
        return None
    with messages.shown():
        return training_spec(jobs.read(links.parameter("clone")))
    return None


def _suffix(origin: TrainingSpec | None) -> str:
    return origin.id if origin else "new"


def _data(datasets: Mapping[str, store.Dataset], origin: TrainingSpec | None) -> store.Version | None:
    wanted, wanted_version = (origin.dataset_id, origin.version_id) if origin else (links.parameter("dataset"), links.parameter("version"))
    ids = list(datasets)
    left, right = st.columns(2)
    chosen = left.selectbox(
        "Dataset", ids, index=ids.index(wanted) if wanted in ids else 0, format_func=lambda i: datasets[i].name, key=f"tr_dataset_{wanted}"
    )
    versions = {item.id: item for item in store.versions(chosen) if isinstance(item, store.Version)}
    names = list(versions)
    if not names:
        st.error("No version of this dataset can be read.", icon=":material/error:")
        return None
    picked = right.selectbox(
        "Version",
        names,
        index=names.index(wanted_version) if wanted_version in names else 0,
        format_func=lambda name: f"{name}: {versions[name].note}",
        key=f"tr_version_{chosen}_{wanted_version}",
    )
    version = versions[picked]
    parts = version.split_counts()
    st.caption(
        f"{count(len(version.classes), 'class', 'classes')}; {parts['train']:,} photos to learn from, "
        f"{parts['validation']:,} to choose settings by, {parts['test']:,} to be tested on once, at the end."
    )
    return version


def _what(origin: TrainingSpec | None) -> dict[str, str]:
    given = dict(origin.hyperparameters) if origin else {}
    suffix = _suffix(origin)
    left, right = st.columns(2)
    presets = [*scripts.PRESETS, CUSTOM]
    start = CUSTOM if "arch" in given else given.get("preset", "fast")
    titles = {**{name: preset.title for name, preset in scripts.PRESETS.items()}, CUSTOM: "Choose"}
    preset = left.segmented_control("Preset", presets, default=start, format_func=titles.__getitem__, key=f"tr_preset_{suffix}") or "fast"
    mode = (
        right.segmented_control(
            "Mode", list(ADVICE), default=given.get("mode", "frozen"), key=f"tr_mode_{suffix}", format_func=str.capitalize
        )
        or "frozen"
    )
    right.caption(ADVICE[mode])
    values = {"mode": mode} if mode != "frozen" else {}
    if preset != CUSTOM:
        left.caption(f"{scripts.PRESETS[preset].advice} `{scripts.PRESETS[preset].arch}`")
        return {**values, **({"preset": preset} if preset != "fast" else {})}
    names = list(scripts.ARCHITECTURES)
    known = given.get("arch", names[0])
    arch = left.selectbox(
        "Architecture",
        [*names, *([known] if known not in names else [])],
        index=names.index(known) if known in names else len(names),
        format_func=_architecture_title,
        key=f"tr_arch_{suffix}",
        accept_new_options=True,
        help="Type your own to combine: lite0@320+lite2@300.",
    )
    if message := scripts.problem("arch", arch or ""):
        left.caption(f":red[:material/error: {plain(message)}]")
    elif arch in scripts.ARCHITECTURES:
        left.caption(scripts.ARCHITECTURES[arch].advice)
    return {**values, "arch": arch or names[0]}


def _architecture_title(name: str) -> str:
    known = scripts.ARCHITECTURES.get(name)
    return f"{known.title} ({'downloads on first use' if known.needs_download else 'works offline'})" if known else name


def _notes(values: Mapping[str, str]) -> None:
    arch = values.get("arch", "")
    if arch and not scripts.problem("arch", arch) and (names := scripts.downloads(arch)):
        st.info(
            f"The weights of {', '.join(names)} are downloaded once, on first use. Without a network the job fails and says so; "
            "lite0, lite1 and lite2 work offline.",
            icon=":material/cloud_download:",
        )


def _default_name(dataset: store.Dataset, values: Mapping[str, str]) -> str:
    what = values.get("arch") or values.get("preset", "fast")
    fine = ", fine-tuned" if values.get("mode") == "finetune" else ""
    return f"{dataset.name}, {what}{fine}"[: settings.MAX_NAME_LENGTH]


def _submit(name: str, version: store.Version, values: Mapping[str, str]) -> None:
    try:
        scripts.check(values)
        spec = TrainingSpec(name, version.dataset_id, version.id, dict(values), id=st.session_state["tr_id"])
        job = backends.LOCAL.train(spec)
    except UserError as error:
        messages.beside(messages.as_fields(error), error.field)
        return
    except FieldmarkError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    # The id is made with the form and not with the click: two clicks are one job, and only now is there a new one.
    st.session_state["tr_id"] = jobs.new_id("training")
    links.to("train", job=job.id)
