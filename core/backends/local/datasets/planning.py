"""Runs a plan job: what a source holds, looked into by names, tables and headers, for a person to
check before anything is imported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core import settings
from core.backends.local.datasets import importing
from core.datasets.importing import origins
from core.datasets.planning import decide, kept
from core.datasets.planning import plan as plans
from core.datasets.planning.listing import listed
from core.datasets.progress import Meter
from core.datasets.staging import Staged
from core.jobs import inbox, stopping
from core.jobs.status.asked import plan_spec

if TYPE_CHECKING:
    from core.jobs.worker import Worker


def run(worker: Worker) -> None:
    """Brings the source in, as far as it does not lie here, and keeps the plan in the job's output.

    An upload is removed once it is unpacked; what was unpacked stays in the job's input until it is
    imported.
    """
    spec = plan_spec(worker.job)
    source = importing.source_of(spec)
    staged = Staged(worker.job.id, worker.folder.input)
    meter = Meter(importing.Reporter(worker), lambda: worker.stopping)
    origin = origins.of(source)

    def look() -> plans.Plan:
        brought = origin.bring(staged, meter)
        listing = listed(brought.folder, meter.start_counting("Listing files", "files"))
        listing.left_out.take(brought.left_out)
        listing = replace(listing, note=brought.note)
        plan = plans.again(listing, decide.decide(listing))
        kept.save_left_out(worker.folder.output, brought.left_out)
        kept.save(worker.folder.output, listing, plan)
        return plan

    try:
        plan = stopping.unless_stopped(worker, look)
    finally:
        if Path(spec.path).parent == settings.uploads_dir():
            inbox.discard(spec.path)
    worker.progress(phase="Done", photos=plan.photos, classes=len(plan.classes))
