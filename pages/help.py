"""Help: the workflow, the glossary and the keys."""

import streamlit as st

from ui.guard import guard
from ui.notices import title
from ui.shell import help as help_page

guard()

title.show("Help")
st.title("Help")
help_page.show()
