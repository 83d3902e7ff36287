"""The router: the pages, their order and their addresses."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core import settings
from ui import messages
from ui.guard import guard
from ui.notices import answers
from ui.shell import frame, sidebar

PAGES = settings.PROJECT / "pages"
ICON = Path(__file__).parent.parent / "assets" / "icon.png"


def pages() -> list[st.Page]:
    """Return the pages in the order of the navigation."""
    return [
        st.Page(PAGES / "overview.py", title="Overview", icon=":material/dashboard:", default=True),
        st.Page(
            PAGES / "datasets.py",
            title="Datasets",
            icon=":material/photo_library:",
            url_path="datasets",
        ),
        st.Page(
            PAGES / "train.py", title="Train", icon=":material/model_training:", url_path="train"
        ),
        st.Page(PAGES / "tune.py", title="Tune", icon=":material/tune:", url_path="tune"),
        st.Page(PAGES / "models.py", title="Models", icon=":material/verified:", url_path="models"),
        st.Page(
            PAGES / "deploy.py", title="Deploy", icon=":material/rocket_launch:", url_path="deploy"
        ),
        st.Page(PAGES / "batch.py", title="Batch", icon=":material/grid_view:", url_path="batch"),
        st.Page(PAGES / "aws.py", title="AWS", icon=":material/cloud:", url_path="aws"),
        st.Page(PAGES / "help.py", title="Help", icon=":material/help:", url_path="help"),
    ]


st.set_page_config(page_title="Fieldmark", page_icon=str(ICON), layout="wide")
page = st.navigation(pages())
guard()
# Errors that a page does not catch, such as a full disk, are shown as messages, too.
with messages.report_errors():
    frame.show()
    sidebar.show()
with messages.report_errors():
    page.run()
answers.flush()
