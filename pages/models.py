"""Models: the accuracy of each, the photos it was measured on, and its artifact."""

import streamlit as st

from core.models import store as models
from ui import links, messages
from ui.guard import guard
from ui.models import header
from ui.models import list as model_list
from ui.models import view as model_view
from ui.notices import first_run, missing, title

guard()

model = missing.find("model", links.parameter("model"), models.read)
if not model:
    title.show("Models")
    st.title("Models")
    model_list.show()
else:
    title.show(model.name, "Models")
    first_run.mark(first_run.MISTAKES)
    with messages.report_errors():
        links.link("models", "All models", ":material/arrow_back:")
        header.show(model)
        model_view.show(model)
