"""Train: choose data and settings, start a job, watch it, compare it with others."""

import streamlit as st

from core.jobs import store as jobs
from ui import links, messages
from ui.guard import guard
from ui.shared import jobs_table
from ui.shell import missing, title
from ui.text import plain
from ui.training import actions as job_actions
from ui.training import compare as compare_view
from ui.training import form as train_form
from ui.training import job as job_card

guard()

job = missing.find("training job", links.parameter("job"), jobs.read)
if job:
    title.show_job(job, "Train")
    with messages.report_errors():
        links.link("train", "All training jobs", ":material/arrow_back:")
        st.title(plain(job.name))
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
    st.subheader("Training jobs")
    every = jobs.listing("training")
    found = jobs.without_trials(every)
    if len(found) < len(every) and st.toggle(
        f"Also the {len(every) - len(found)} trials of tuning jobs", key="tr_trials"
    ):
        found = every
    if len(found) > 1:
        links.link("train", "Compare jobs", ":material/compare_arrows:", view="compare")
    jobs_table.show(
        found, key="tr_jobs", empty="No training job yet. Press Train and watch it learn."
    )
