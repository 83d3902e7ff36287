"""Models: the accuracy of each, the photos it was measured on, and its artifact."""

import streamlit as st

from core.models import store as models
from ui import links, messages
from ui.guard import guard
from ui.models import header
from ui.models import list as model_list
from ui.models import view as model_view

guard()

asked = links.parameter("model")
if not asked:
    st.title("Models")
    model_list.show()
else:
    with messages.report_errors():
        model = models.read(asked)
        links.link("models", "All models", ":material/arrow_back:")
        header.show(model)
        model_view.show(model)
