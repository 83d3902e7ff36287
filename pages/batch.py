"""Batch: run a model over many photos, read the table of predictions, and review the doubtful
ones."""

import streamlit as st

from core.datasets.editing import review
from core.jobs import store as jobs
from core.models import store as models
from ui import links, messages
from ui.batch import form as batch_form
from ui.batch import job as batch_job
from ui.batch import review as review_queue
from ui.guard import guard
from ui.notices import missing, title
from ui.shared import jobs_table

guard()

job = missing.find("batch", links.parameter("job"), jobs.read)
if job:
    title.show_job(job, "Batch")
    with messages.report_errors():
        links.link("batch", "All batches", ":material/arrow_back:")
        batch_job.show(job)
elif links.parameter("view") == "review":
    title.show("Review queue", "Batch")
    links.link("batch", "All batches", ":material/arrow_back:")
    st.title("Review queue")
    with messages.report_errors():
        review_queue.show()
else:
    title.show("Batch")
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"
    ):
        st.title("Batch", width="content")
        links.button(
            f"Review queue ({review.count()})",
            "batch",
            key="ba_review",
            icon=":material/rate_review:",
            view="review",
        )
    with messages.report_errors():
        batch_form.show(models.listing(links.parameter("model")))
    st.header("Batches")
    jobs_table.show(jobs.listing("transform"), key="ba_jobs", empty="No batches yet.")
