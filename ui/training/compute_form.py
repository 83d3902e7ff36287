"""Where a job runs: on this workstation, or on a platform with machines to choose, which cost
money, and how much that is at most."""

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

FREE = (
    "It runs on this workstation, costs nothing, and goes on when this page or the app is closed."
)
PAID = (
    "It goes on when this page or the app is closed, and ends by itself at the time limit at the "
    "latest."
)
CPU, GPU = "ml.m5.xlarge", "ml.g4dn.xlarge"
MINUTES = 60


@dataclass(frozen=True)
class Where:
    """The chosen backend, and what to run on where it asks for that."""

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
    """The choice and its fields; `given` and `origin` are resources and backend of a job to start
    from. The price is for `trials` jobs, `parallel` at once. Raises UserError, naming the field,
    for resources that cannot be.
    """
    chosen = serving_form.backend(f"{prefix}_{suffix}", start=origin)
    if not chosen.asks_resources:
        return Where(chosen, None)
    return Where(
        chosen,
        _machines(given or Resources(_usual(mode)), f"{prefix}_{suffix}_{mode}", trials, parallel),
    )


def cloned_from() -> str:
    """The backend of the job that is being cloned, or the empty string."""
    try:
        if links.parameter("clone"):
            return jobs.read(links.parameter("clone")).backend
        return ""
    except NotFound:
        return ""


def words(where: Where) -> str:
    """What to know before the button is pressed."""
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
        "Machines",
        1,
        20,
        start.instance_count,
        key=f"{key}_machines",
        help="Several share one training (torchrun).",
    )
    minutes, most = start.max_seconds // MINUTES, 5 * 24 * MINUTES
    limit = third.number_input(
        "Time limit, minutes",
        1,
        most,
        minutes,
        key=f"{key}_limit",
        help="Of each job; then it is ended.",
    )
    disk = fourth.number_input("Disk, GB", 1, 16_384, start.volume_gb, key=f"{key}_disk")
    spot = st.toggle(
        "Spot machines",
        start.spot,
        key=f"{key}_spot",
        help=(
            "Much cheaper, but AWS may take them back; the job then waits for others and goes on "
            "from its last checkpoint."
        ),
    )
    wait = start.wait_seconds
    if spot:
        wait = MINUTES * int(
            st.number_input(
                "Wait for them at most, minutes",
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
    """What it costs at the very most, and where the price is from."""
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
        spot = " Spot machines cost up to 90 % less."
    words = (
        f"**{plain(prices.money(found.at_most))} at most**{times}, "
        f"{plain(prices.money(found.per_hour))} an hour.{spot}"
    )
    st.info(
        f"{words} {plain(found.price.origin)}",
        icon=":material/payments:",
    )
