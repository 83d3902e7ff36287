"""What a browser runs for a component: the .css and .js files that bear the name of its module."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer


def component(name: str, module: str) -> ComponentRenderer:
    """Register a component with the files beside its module, of which `__file__` is the path; one
    that draws nothing has no .css."""
    path = Path(module)
    style = None
    if path.with_suffix(".css").is_file():
        style = path.with_suffix(".css").read_text(encoding="utf-8")
    script = path.with_suffix(".js").read_text(encoding="utf-8")
    return st.components.v2.component(name, css=style, js=script)
