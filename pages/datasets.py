"""Datasets: import photos, check them, choose classes and splits, and browse every photo."""

import streamlit as st

from core.datasets import store
from core.jobs import store as jobs
from ui import links, messages
from ui.datasets import home as dataset_home
from ui.datasets import inspection as inspecting
from ui.datasets import view as dataset_view
from ui.guard import guard
from ui.importing import view as import_view
from ui.notices import missing, title
from ui.text import plain

guard()

title.show("Datasets")
everything = store.datasets()
datasets = {item.id: item for item in everything if isinstance(item, store.Dataset)}
job_id = missing.known_job(links.parameter("job"))
plan_id = missing.known_job(links.parameter("plan"))
if job_id.startswith(jobs.prefix("plan")):
    links.to("datasets", plan=job_id)

# An import has the page to itself: a dataset below it could be mistaken for its result.
importing = not datasets or bool(job_id or plan_id) or links.parameter("view") == "import"
home = not importing and len(datasets) > 1 and links.parameter("dataset") not in datasets
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.title("Datasets", width="content")
    buttons = st.container(horizontal=True, width="content", key="ds_buttons")
with buttons:
    if len(datasets) > 1 and not home and not importing:
        links.link("datasets", "All datasets", ":material/grid_view:")
    if datasets and not importing:
        links.button(
            "Import photos", "datasets", key="ds_new", icon=":material/add:", view="import"
        )

if job_id and not job_id.startswith(jobs.prefix("import")):
    inspecting.follow(job_id)
for item in everything:
    if isinstance(item, store.Unreadable):
        st.warning(
            f"The dataset {plain(item.id)} can't be read: {plain(item.reason)}",
            icon=":material/warning:",
        )

if importing:
    import_view.show(datasets, job_id, plan_id)
else:
    import_view.show_running()
    with messages.report_errors():
        if home:
            dataset_home.show(datasets, links.parameter("dataset"))
        else:
            dataset_view.show(datasets, buttons=buttons)
