"""Tune: let many training jobs look for good hyperparameters, watch them, and understand what
they say."""

import streamlit as st

from core.jobs import store as jobs
from ui import links, messages
from ui.guard import guard
from ui.notices import missing, title
from ui.text import plain
from ui.tuning import compare as tuning_compare
from ui.tuning import form as tuning_form
from ui.tuning import job as tuning_view
from ui.tuning import list as tuning_list

guard()

job = missing.find("tuning job", links.parameter("job"), jobs.read)
if job:
    title.show_job(job, "Tune")
    with messages.report_errors():
        links.link("tune", "All tuning jobs", ":material/arrow_back:")
        st.title(plain(job.name))
        tuning_view.show(job)
elif links.parameter("view") == "compare":
    title.show("Compare tuning jobs", "Tune")
    links.link("tune", "All tuning jobs", ":material/arrow_back:")
    st.title("Compare tuning jobs")
    with messages.report_errors():
        tuning_compare.show(tuning_list.heads())
else:
    title.show("Tune")
    st.title("Tune")
    with messages.report_errors():
        tuning_form.show()
    st.header("Tuning jobs")
    tuning_list.show()
