"""Run a plan job: preview a source by its names, tables and headers before it is imported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core import settings
from core.backends.local.datasets import importing
from core.datasets.importing import origins
from core.datasets.planning import decide, plan_store
from core.datasets.planning import plan as plans
from core.datasets.planning.listing import list_files
from core.datasets.progress import Meter
from core.datasets.staging import Staged
from core.jobs import inbox, stopping
from core.jobs.status.asked import plan_spec

if TYPE_CHECKING:
    from core.jobs.worker import Worker


def run(worker: Worker) -> None:
    """Fetch the source unless it is a local folder, and save the plan in the job's output.

    An upload is deleted once it is unpacked; the unpacked files stay in the job's input until they
    are imported.
    """
    spec = plan_spec(worker.job)
    source = importing.source_of(spec)
    staged = Staged(worker.job.id, worker.folder.input)
    meter = Meter(importing.Reporter(worker), lambda: worker.stopping)
    origin = origins.create(source)

    def preview() -> plans.Plan:
        fetched = origin.fetch(staged, meter)
        listing = list_files(fetched.folder, meter.start_counting("Listing files", "files"))
        listing.left_out.add_all(fetched.left_out)
        listing = replace(listing, note=fetched.note)
        plans.require_photos(listing, spec.shown or Path(spec.path).name)
        plan = plans.replan(listing, decide.decide(listing))
        plan_store.save_left_out(worker.folder.output, fetched.left_out)
        plan_store.save_plan(worker.folder.output, listing, plan)
        return plan

    try:
        plan = stopping.unless_stopped(worker, preview)
    finally:
        if Path(spec.path).parent == settings.uploads_dir():
            inbox.discard(spec.path)
    worker.progress(phase="Done", photos=plan.photos, classes=len(plan.classes))
