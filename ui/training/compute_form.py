"""Where a job runs: on this workstation, or on a platform's instances, with their cost."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.aws import account as accounts
from core.aws import prices
from core.backends import Backend
from core.errors import NotFound
from core.jobs import store as jobs
from core.jobs.specs import Resources
from ui import links
from ui.shared import serving_form
from ui.text import plain

FREE = "Runs on this workstation at no cost. Keeps running if you close this page or the app."
PAID = "Keeps running if you close this page or the app; stops at the time limit."
CPU, GPU = "ml.m5.xlarge", "ml.g4dn.xlarge"
MINUTES = 60


@dataclass(frozen=True)
class Where:
    """The chosen backend, and its resources if it asks for them."""

    backend: Backend
    resources: Resources | None


def show(
    given: Resources | None,
    origin: str,
    *,
    prefix: str,
    suffix: str,
    mode: str,
    trials: int = 1,
    parallel: int = 1,
) -> Where:
    """Draw the choice and its fields. `given` and `origin` are resources and backend of a cloned
    job. The price is for `trials` jobs, `parallel` at once. Raises UserError, naming the field,
    for resources that can't be used.
    """
    chosen = serving_form.backend(f"{prefix}_{suffix}", start=origin)
    if not chosen.asks_resources:
        return Where(chosen, None)
    return Where(
        chosen,
        _machines(given or Resources(_usual(mode)), f"{prefix}_{suffix}_{mode}", trials, parallel),
    )


def cloned_from() -> str:
    """Return the backend of the job to clone, or an empty string."""
    try:
        if links.parameter("clone"):
            return jobs.read(links.parameter("clone")).backend
        return ""
    except NotFound:
        return ""


def words(where: Where) -> str:
    """Return what to know before the job starts."""
    if where.resources:
        return PAID
    return FREE


def _usual(mode: str) -> str:
    if mode == "finetune":
        return GPU
    return CPU


def _machines(start: Resources, key: str, trials: int, parallel: int) -> Resources:
    first, second, third, fourth = st.columns([2, 1, 1, 1])
    machine = serving_form.machine(start.instance_type, key=f"{key}_machine", on=first)
    count = second.number_input(
        "Instances",
        1,
        20,
        start.instance_count,
        key=f"{key}_machines",
        help="Several instances share one training (torchrun).",
    )
    minutes, most = start.max_seconds // MINUTES, 5 * 24 * MINUTES
    limit = third.number_input(
        "Time limit (minutes)",
        1,
        most,
        minutes,
        key=f"{key}_limit",
        help="Each job is stopped at this limit.",
    )
    disk = fourth.number_input("Disk (GB)", 1, 16_384, start.volume_gb, key=f"{key}_disk")
    spot = st.toggle(
        "Spot instances",
        start.spot,
        key=f"{key}_spot",
        help=(
            "Much cheaper, but AWS may reclaim them. The job then waits for new ones and continues "
            "from its last checkpoint."
        ),
    )
    wait = start.wait_seconds
    if spot:
        wait = MINUTES * int(
            st.number_input(
                "Longest wait for instances (minutes)",
                0,
                most,
                wait // MINUTES,
                key=f"{key}_wait",
                width=260,
            )
        )
    resources = Resources(machine, int(count), spot, int(limit) * MINUTES, wait, int(disk))
    _price(resources, trials, parallel)
    return resources


def _price(resources: Resources, trials: int, parallel: int) -> None:
    """Draw the highest possible cost and the source of the price."""
    region = accounts.load().region
    found = prices.estimate(
        resources.instance_type,
        "training",
        region,
        count=resources.instance_count,
        seconds=resources.max_seconds,
        jobs=trials,
        parallel=min(trials, parallel),
    )
    if found.price is None:
        st.info(plain(found.words), icon=":material/payments:")
        return
    times, spot = "", ""
    if trials > 1:
        times = f" ({trials} trials x {resources.max_seconds // MINUTES} minutes)"
    if resources.spot:
        spot = " Spot instances cost up to 90 % less."
    words = (
        f"**{plain(prices.money(found.at_most))} at most**{times}, "
        f"{plain(prices.money(found.per_hour))} an hour.{spot}"
    )
    st.info(
        f"{words} {plain(found.price.origin)}",
        icon=":material/payments:",
    )
