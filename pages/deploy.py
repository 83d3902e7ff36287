"""Deploy: serve a model, ask it about photos, try how much it bears, and see what it was sent."""

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
from ui.shell import missing, title
from ui.text import plain

guard()

endpoints = {endpoint.id: endpoint for endpoint in backends.endpoints()}
ended = {job.id: job for job in jobs.readable("endpoint") if job.state is State.COMPLETED}
asked = links.parameter("endpoint") or endpoint_load.endpoint_of(links.parameter("job"))

if asked in endpoints:
    title.show(endpoints[asked].name, "Deploy")
    links.link("deploy", "All endpoints", ":material/arrow_back:")
    st.title(plain(endpoints[asked].name))
    with messages.report_errors():
        endpoint_view.show(endpoints[asked], list(endpoints.values()))
elif asked in ended:
    title.show(ended[asked].name, "Deploy")
    links.link("deploy", "All endpoints", ":material/arrow_back:")
    st.title(plain(ended[asked].name))
    with messages.report_errors():
        endpoint_list.show_ended(ended[asked])
else:
    title.show("Deploy")
    if asked:
        missing.note("endpoint", asked)
    st.title("Deploy")
    found = models.listing()
    deploy_form.show(found)
    endpoint_attach.show(found)
    st.subheader("Endpoints")
    endpoint_list.show(list(endpoints.values()))
    endpoint_list.ended(list(ended.values()))
