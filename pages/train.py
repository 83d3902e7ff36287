"""Train: choose data and settings, start a job, watch it, compare it with others."""

import streamlit as st

from core.jobs import store as jobs
from ui import links, messages
from ui.guard import guard
from ui.notices import missing, title
from ui.shared import live
from ui.text import plain
from ui.training import actions as job_actions
from ui.training import compare as compare_view
from ui.training import form as train_form
from ui.training import heading
from ui.training import job as job_card
from ui.training import list as job_list

guard()

job = missing.find("training job", links.parameter("job"), jobs.read)
if job:
    title.show_job(job, "Train")
    with messages.report_errors():
        links.link("train", "All training jobs", ":material/arrow_back:")
        live.announce_end(job)
        st.title(plain(job.name))
        heading.show(job, heading.model_facts(job))
        job_actions.show(job)
        job_card.show(job)
        job_actions.details(job)
elif links.parameter("view") == "compare":
    title.show("Compare jobs", "Train")
    links.link("train", "All training jobs", ":material/arrow_back:")
    st.title("Compare jobs")
    compare_view.show([job for job in jobs.readable("training") if not job.tuning_id])
else:
    title.show("Train")
    st.title("Train")
    with messages.report_errors():
        train_form.show()
    st.header("Training jobs")
    job_list.show()
