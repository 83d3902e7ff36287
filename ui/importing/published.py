"""The tabs for datasets that Fieldmark gets by itself: CUB-200-2011 and the built-in sample."""

from __future__ import annotations

import streamlit as st

from core import settings
from core.datasets.importing import cub
from core.io import files
from core.jobs.specs import ImportSpec
from ui import choices
from ui.importing import progress
from ui.importing.target import Target
from ui.text import plain

ALL, EIGHT, SOME = "All 200", "Eight distinct species", "Choose species"


def show_cub(target: Target) -> None:
    """Show the tab that imports CUB-200-2011, whole or some of its species."""
    st.markdown(
        "**Caltech-UCSD Birds-200-2011**: 11,788 photos of 200 species, with boxes and an official "
        "split, for research and education (Wah et al., 2011)."
    )
    chosen = _species()
    path = st.text_input(
        "Archive on this machine (optional)",
        key="ds_cub_path",
        placeholder="/home/me/Downloads/CUB_200_2011.tgz",
    ).strip()
    has_archive = bool(path) or cub.downloaded() is not None
    share = len(chosen or cub.species()) / len(cub.species())
    needed = files.human_bytes(cub.needed_bytes(share, has_archive=has_archive))
    free = files.human_bytes(files.free_bytes(settings.downloads_dir()))
    st.caption(f"Needs {needed} of {free} free. {_archive_note(path)}")
    label = "Download and import"
    if has_archive:
        label = "Import the birds"
    progress.button(
        label,
        lambda: target.apply_to(
            ImportSpec(name="CUB-200-2011", source="cub", path=path, classes=tuple(chosen or ()))
        ),
        key="ds_import_cub",
        icon=":material/download:",
        disabled=chosen is not None and len(chosen) < 2,
    )


def _species() -> list[str] | None:
    """Ask which species to import; None means all."""
    names = cub.species()
    choice = choices.segment("Species", [ALL, EIGHT, SOME], key="ds_cub_which")
    if choice == ALL:
        return None
    if choice == SOME:
        return choices.many(
            "Species to import", names, key="ds_cub_species", placeholder="Choose two or more"
        )
    eight = [names[number - 1] for number in cub.EIGHT]
    st.caption(", ".join(eight))
    return eight


def _archive_note(path: str) -> str:
    if path:
        return "The archive is checked by its MD5; nothing is downloaded."
    if downloaded := cub.downloaded():
        return f"Uses the archive downloaded before, {plain(str(downloaded))}."
    size = files.human_bytes(cub.PUBLISHED.size)
    return (
        f"The archive ({size}) is downloaded once and kept. The download resumes after an "
        "interruption."
    )


def show_sample(target: Target) -> None:
    """Show the tab that imports the built-in sample."""
    st.markdown(
        "**Sketchbook**: 600 bird drawings of ten species, two of them easy to confuse. Use it to "
        "learn Fieldmark, not to recognise real birds."
    )
    progress.button(
        "Import the sample",
        lambda: ImportSpec(name="Sketchbook", source="sample"),
        key="ds_import_sample",
        icon=":material/draw:",
        disabled=target.dataset is not None,
        help=_sample_help(target),
    )


def _sample_help(target: Target) -> str | None:
    if target.dataset is not None:
        return "The sample is always a new dataset."
    return None
