"""The help page: the workflow, the glossary, the keys, and where the documentation is."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

import streamlit as st

from core import settings
from ui import links
from ui.notices import first_run

_TEXT = Path(__file__).with_suffix(".md")
DOCUMENTS = ("README.md", "docs/architecture.md")


def show() -> None:
    """Draw the help page below its title."""
    if first_run.HIDDEN in first_run.marks() and st.button(
        "Show the getting-started checklist", key="help_checklist", icon=":material/checklist:"
    ):
        first_run.unmark(first_run.HIDDEN)
        links.to("overview")
    st.markdown(_TEXT.read_text(encoding="utf-8"))
    paths = ", ".join(f"`{settings.PROJECT / name}`" for name in DOCUMENTS)
    st.caption(f"Fieldmark {version()}. Documentation: {paths}. Data: `{settings.home()}`.")


@functools.cache
def version() -> str:
    """Return the version of the app."""
    project = tomllib.loads((settings.PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])
