"""Deploy: serve a model, drop photos on the page, see what it answers and how fast."""

import streamlit as st

from core import backends, models
from ui import deploy_form, endpoint_view, links, messages
from ui.guard import guard
from ui.text import plain

guard()

endpoints = {endpoint.id: endpoint for endpoint in backends.endpoints()}
asked = links.parameter("endpoint") or links.parameter("job")

if asked in endpoints:
    links.link("deploy", "All endpoints", ":material/arrow_back:")
    st.title(plain(endpoints[asked].name))
    with messages.shown():
        endpoint_view.show(endpoints[asked])
else:
    st.title("Deploy")
    if asked:
        st.info("That endpoint is not there any more.", icon=":material/info:")
    deploy_form.show(models.listing(links.parameter("model")))
    st.subheader("Endpoints")
    endpoint_view.listing(list(endpoints.values()))
