"""Deploy: serve a model, classify photos, load-test it and monitor its requests."""

import streamlit as st

from core import backends
from core.jobs import store as jobs
from core.jobs.store import State
from core.models import store as models
from ui import links, messages
from ui.endpoints import attach as endpoint_attach
from ui.endpoints import form as deploy_form
from ui.endpoints import list as endpoint_list
from ui.endpoints import load_test as endpoint_load
from ui.endpoints import view as endpoint_view
from ui.guard import guard
from ui.notices import missing, title
from ui.text import plain

guard()
links.show_address()

endpoints = {endpoint.id: endpoint for endpoint in backends.endpoints()}
ended = {job.id: job for job in jobs.readable("endpoint") if job.state is State.COMPLETED}
wanted = links.parameter("endpoint") or endpoint_load.endpoint_of(links.parameter("job"))

if wanted in endpoints:
    title.show(endpoints[wanted].name, "Deploy")
    links.link("deploy", "All endpoints", ":material/arrow_back:")
    st.title(plain(endpoints[wanted].name))
    with messages.report_errors():
        endpoint_view.show(endpoints[wanted], list(endpoints.values()))
elif wanted in ended:
    title.show(ended[wanted].name, "Deploy")
    links.link("deploy", "All endpoints", ":material/arrow_back:")
    st.title(plain(ended[wanted].name))
    with messages.report_errors():
        endpoint_list.show_ended(ended[wanted])
else:
    title.show("Deploy")
    if wanted:
        missing.note("endpoint", wanted)
    st.title("Deploy")
    found = models.listing()
    deploy_form.show(found)
    endpoint_attach.show(found)
    st.header("Endpoints")
    endpoint_list.show(list(endpoints.values()))
    endpoint_list.show_ended_list(list(ended.values()))
