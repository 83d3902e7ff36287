"""Datasets: import photos, see what came in, choose species and split, and look at every photo."""

import streamlit as st

from core.datasets import store
from core.jobs import store as jobs
from ui import links, messages
from ui.datasets import inspection as inspecting
from ui.datasets import view as dataset_view
from ui.guard import guard
from ui.importing import form as import_form
from ui.importing import plan as import_plan
from ui.importing import progress as import_progress
from ui.shared import jobs_table
from ui.shell import missing, title
from ui.text import plain

guard()

title.show("Datasets")
everything = store.datasets()
datasets = {item.id: item for item in everything if isinstance(item, store.Dataset)}
running = [job for job in jobs.readable("import") if not job.state.is_finished]
asked = missing.known_job(links.parameter("job"))
planned = missing.known_job(links.parameter("plan"))
if asked.startswith(jobs.prefix("plan")):
    links.to("datasets", plan=asked)

# While an import is looked at, no dataset is shown below it: which one would that be?
importing = not datasets or bool(asked or planned) or links.parameter("view") == "import"
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
    st.title("Datasets", width="content")
    if datasets and not importing:
        links.button(
            "Import photos", "datasets", key="ds_new", icon=":material/add:", view="import"
        )

for job in running:
    import_progress.progress(job)
if asked:
    inspecting.follow(asked)
if asked and not any(job.id == asked for job in running):
    import_progress.outcome(asked)

for item in everything:
    if isinstance(item, store.Unreadable):
        st.warning(
            f"The dataset {plain(item.id)} can't be read: {plain(item.reason)}",
            icon=":material/warning:",
        )

if importing and planned:
    import_plan.show(planned)
elif importing:
    st.subheader("Import photos")
    import_plan.waiting()
    import_form.form(datasets)
if importing:
    if datasets:
        links.link("datasets", "Back to the datasets", ":material/arrow_back:")
elif datasets:
    with messages.report_errors():
        dataset_view.show(datasets)

failed = [job for job in jobs.readable("import") if job.state is jobs.State.FAILED]
if failed:
    with st.expander(f"Imports that failed ({len(failed)})"):
        jobs_table.show(failed, key="ds_failed", empty="")
