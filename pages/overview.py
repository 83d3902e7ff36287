"""Overview: the next step, the latest jobs and the endpoints."""

import streamlit as st

from core import backends
from core.datasets import store
from core.jobs import store as jobs
from core.models import store as models
from ui import links
from ui.guard import guard
from ui.notices import title
from ui.overview import bin as bin_list
from ui.overview import checklist, home
from ui.shared import jobs_table

guard()

every = jobs.listing()
found = checklist.Home(
    datasets=[item for item in store.datasets() if isinstance(item, store.Dataset)],
    jobs=[job for job in every if isinstance(job, jobs.Job)],
    models=models.listing(),
    endpoints=backends.endpoints(),
)

title.show("Overview")
st.title("Fieldmark")
st.markdown("Train an image classifier on your photos, see what it gets wrong, and use it.")

if checklist.is_wanted(found):
    left, right = st.columns([3, 2], gap="medium")
    with left:
        checklist.show(found)
    with right:
        home.figures(found, columns=2)
else:
    home.figures(found, columns=4)

recent, serving = st.columns([3, 2], gap="large")
with recent:
    st.header("Latest jobs")
    shown = [job for job in every if not isinstance(job, jobs.Job) or home.is_job(job)]
    jobs_table.show(shown[:8], key="overview_jobs", empty="No jobs yet.")
with serving:
    st.header("Endpoints")
    home.endpoints(found.endpoints)
    if found.endpoints:
        links.link("deploy", "All endpoints", ":material/arrow_forward:")
bin_list.show()
