"""Facts about a job on SageMaker: instances, region, billed time and cost, and their age."""

from __future__ import annotations

import time

from core.aws import prices
from core.jobs.specs import TransformSpec
from core.jobs.status.progress import Machines, Progress
from core.jobs.store import Job

# Watchers ask AWS at least this often while it responds.
FRESH_SECONDS = 30.0


def facts(job: Job) -> dict[str, str]:
    """Return the known facts in words, by title."""
    told, wanted = Machines.from_json(job.status.progress), job.spec.get("resources") or {}
    machine = told.instance_type or str(wanted.get("instance_type", ""))
    count = told.instance_count or int(wanted.get("instance_count", 1))
    spot = bool(wanted.get("spot"))
    region = str(job.spec.get("account", {}).get("region", ""))
    words = f"{_times(count)}{machine}"
    if spot:
        words += ", spot"
    found = {"Instances": words, "Region": region}
    billed = told.billable_seconds
    if billed:
        use = "training"
        if job.kind == TransformSpec.kind:
            use = "transform"
        cost = prices.estimate(machine, use, region, count=count, seconds=billed)
        found["Billed"] = f"billed {int(billed)} s"
        if count > 1:
            found["Billed"] += f" x {count}"
        if cost.at_most is not None and not spot:
            found["Billed"] += f", {_about(cost.at_most)}"
        if spot and (trained := told.training_seconds):
            found["Saved by spot"] = f"{100 * max(0.0, 1 - billed / trained):.0f} % saved by spot"
    if told.interruptions:
        found["Interruptions"] = f"interrupted {_how_often(told.interruptions)}"
    return {title: text for title, text in found.items() if text}


def _times(count: int) -> str:
    if count > 1:
        return f"{count} x "
    return ""


def _how_often(times: int) -> str:
    if times == 1:
        return "once"
    return f"{times} times"


def _about(usd: float) -> str:
    words = prices.money(usd)
    if words.startswith("< "):
        return f"less than {words[2:]}"
    return f"about {words}"


def notice(job: Job) -> str:
    """Return how old the facts are and why, or '' if they are fresh or the job has ended."""
    told = Progress.from_json(job.status.progress)
    if job.state.is_finished:
        return ""
    if not told.seen:
        return told.stale
    old = time.time() - told.seen
    if old < FRESH_SECONDS and not told.stale:
        return ""
    ago = f"{old:.0f} s"
    if old >= 120:
        ago = f"{old / 60:.0f} min"
    text = (
        f"Last update from SageMaker: {time.strftime('%H:%M:%S', time.localtime(told.seen))}, "
        f"{ago} ago."
    )
    return f"{text} {told.stale}".rstrip()
