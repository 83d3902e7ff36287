"""The fields that choose a preset or an architecture, and the training mode."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.training import script as scripts
from ui import choices, own_option
from ui.text import plain

CUSTOM = "custom"
MODES = {"frozen": "Frozen backbone", "finetune": "Fine-tune"}
ADVICE = {
    "frozen": (
        "The backbone is not changed. Only a small classifier (head) on top is trained, and "
        "features are cached for next time. Takes seconds to a minute; best for small datasets."
    ),
    "finetune": (
        "Trains the backbone as well: at least ten times slower on a CPU and usually worth a "
        "point or two. Best with a GPU or a large dataset."
    ),
}


def show(given: Mapping[str, str], *, prefix: str, suffix: str) -> dict[str, str]:
    """Draw the fields; return mode, preset and arch as far as they differ from the defaults.
    `given` are the hyperparameters of a cloned job."""
    with st.grid(2, min_column_width=300):
        left, right = st.container(), st.container()
    presets = [*scripts.PRESETS, CUSTOM]
    start = given.get("preset", "fast")
    if "arch" in given:
        start = CUSTOM
    titles = {**{name: preset.title for name, preset in scripts.PRESETS.items()}, CUSTOM: "Custom"}
    preset = choices.segment(
        "Preset",
        presets,
        start=start,
        label=titles.__getitem__,
        key=f"{prefix}_preset_{suffix}",
        on=left,
    )
    mode = choices.segment(
        "Mode",
        list(ADVICE),
        start=given.get("mode", "frozen"),
        key=f"{prefix}_mode_{suffix}",
        label=MODES.__getitem__,
        on=right,
    )
    right.caption(ADVICE[mode])
    values: dict[str, str] = {}
    if mode != "frozen":
        values["mode"] = mode
    if preset != CUSTOM:
        left.caption(f"{scripts.PRESETS[preset].advice} `{scripts.PRESETS[preset].arch}`")
        if preset != "fast":
            values["preset"] = preset
        return values
    with left:
        return {**values, "arch": _architecture(given, f"{prefix}_arch_{suffix}")}


def download_note(values: Mapping[str, str]) -> None:
    """Draw a note if the weights of the chosen architecture have to be downloaded."""
    arch = values.get("arch", "")
    if arch and not scripts.problem("arch", arch) and (names := scripts.downloads(arch)):
        st.info(
            (
                f"The weights of {', '.join(names)} are downloaded on first use. Without a "
                "network the job fails; lite0, lite1 and lite2 work offline."
            ),
            icon=":material/cloud_download:",
        )


def architecture_title(name: str) -> str:
    known = scripts.ARCHITECTURES.get(name)
    if known is None:
        return name
    if known.needs_download:
        return f"{known.title} (downloads on first use)"
    return f"{known.title} (works offline)"


def _architecture(given: Mapping[str, str], key: str) -> str:
    names = list(scripts.ARCHITECTURES)
    known = given.get("arch", names[0])
    arch = own_option.maybe(
        "Architecture",
        list(dict.fromkeys([*names, known])),
        own="Another one, or several combined...",
        field="Its name, or several: lite0@320+lite2@300",
        label=architecture_title,
        start=known,
        key=key,
    )
    if message := scripts.problem("arch", arch or ""):
        st.caption(f":red[:material/error: {plain(message)}]")
    elif arch in scripts.ARCHITECTURES:
        st.caption(scripts.ARCHITECTURES[arch].advice)
    return arch or names[0]
