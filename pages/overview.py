"""Overview: what there is, what is running, and what to do next."""

import streamlit as st

from core import backends
from core.datasets import store
from core.jobs import store as jobs
from core.models import store as models
from ui import links
from ui.guard import guard
from ui.notices import title
from ui.overview import home
from ui.shared import jobs_table

guard()

datasets = [item for item in store.datasets() if isinstance(item, store.Dataset)]
all_jobs = [
    job
    for job in jobs.without_trials(jobs.listing())
    if not isinstance(job, jobs.Job) or job.kind != "endpoint"
]
found_models = models.listing()
endpoints = backends.endpoints()

title.show("Overview")
st.title("Fieldmark")
st.markdown(
    "Train an image classifier on your photos, see what it gets wrong and why, and put it to work."
)

home.next_step(datasets, all_jobs, found_models, endpoints)
home.figures(datasets, all_jobs, found_models, endpoints)

recent, serving = st.columns([3, 2], gap="large")
with recent:
    st.header("Latest jobs")
    jobs_table.show(all_jobs[:8], key="overview_jobs", empty="No job has run yet.")
with serving:
    st.header("Endpoints")
    home.endpoints(endpoints)
    if endpoints:
        links.link("deploy", "All endpoints", ":material/arrow_forward:")
