"""The choice of backend, instances and image for an endpoint or a batch, with its cost."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import backends
from core.aws import account as accounts
from core.aws import prices, quotas
from core.backends import Backend
from core.backends.sagemaker.endpoints import serving_image
from core.jobs.specs import Resources
from ui import choices, own_option
from ui.text import plain

SERVERLESS, REAL_TIME = "Serverless", "Real time"
KINDS = {
    SERVERLESS: "costs money only while it answers",
    REAL_TIME: "always-on instances",
}
USUAL_MACHINE, BATCH_MACHINE = "ml.m5.large", "ml.m5.xlarge"
NEW_ACCOUNTS = (
    f"New AWS accounts allow {quotas.NEW_ACCOUNTS[quotas.SERVERLESS_MEMORY] // 1024} GB for a "
    f"serverless endpoint, and {quotas.NEW_ACCOUNTS[quotas.SERVERLESS_CONCURRENCY]} concurrent "
    "requests for all of them. Ask AWS for an increase before you choose more."
)
MEMORIES = (1024, 2048, 3072, 4096, 5120, 6144)


def backend(prefix: str, *, start: str = "") -> Backend:
    """Draw the choice between the backends that are set up; without a choice, return the only
    one."""
    ready = {name: found for name, found in backends.BACKENDS.items() if found.is_ready()}
    first = backends.LOCAL.name
    if start in ready:
        first = start
    if len(ready) == 1:
        return ready[first]
    asked = choices.segment(
        "Run on",
        list(ready),
        start=first,
        label=lambda name: ready[name].title,
        key=f"{prefix}_where",
    )
    return ready[asked]


def endpoint(prefix: str) -> Resources:
    """Draw the choice of kind and image, and the cost. Raises UserError, naming the field, for an
    invalid combination."""
    left, right = st.columns([2, 3])
    kind = choices.segment("Kind", list(KINDS), key=f"{prefix}_kind", on=left)
    server = _server(right, prefix)
    st.caption(f"{kind}: {KINDS[kind]}. {plain(serving_image.note(server, accounts.load()))}")
    resources = _RESOURCES[kind](prefix, server)
    _endpoint_price(resources)
    return resources


def batch(prefix: str) -> Resources:
    """Draw the instances, the time limit and the maximum cost of a batch. Raises as `endpoint`."""
    with st.grid(4, min_column_width=170, gap="small"):
        machine = _machine(prefix, BATCH_MACHINE)
        count = st.number_input(
            "Instances",
            1,
            20,
            1,
            key=f"{prefix}_machines",
            help="The photos are divided among them.",
        )
        limit = st.number_input(
            "Time limit, minutes",
            5,
            5 * 24 * 60,
            60,
            key=f"{prefix}_limit",
            help="The batch is stopped after this time and can be resumed.",
        )
        server = _server(st, prefix)
    st.caption(plain(serving_image.note(server, accounts.load())))
    resources = Resources(machine, int(count), max_seconds=60 * int(limit), server=server)
    cost = prices.estimate(
        machine,
        "transform",
        accounts.load().region,
        count=int(count),
        seconds=resources.max_seconds,
    )
    _price(
        cost,
        (
            f"**{plain(prices.money(cost.at_most))} at most**, "
            f"{plain(prices.money(cost.per_hour))} per hour. Stops by itself."
        ),
    )
    return resources


def _server(place: Any, prefix: str) -> str:
    names = serving_image.SERVERS
    return choices.one(
        "Serving image",
        list(names),
        label=lambda name: names[name].title,
        key=f"{prefix}_server",
        on=place,
    )


def _serverless(prefix: str, server: str) -> Resources:
    left, right = st.columns(2)
    offered = [memory for memory in MEMORIES if memory >= serving_image.SERVERS[server].memory_mb]
    memory = choices.one(
        "Memory",
        offered,
        label=lambda mb: f"{mb // 1024} GB",
        key=f"{prefix}_memory_{server}",
        help="More memory also means more CPU.",
        on=left,
    )
    most = right.number_input(
        "Max. concurrent requests",
        1,
        200,
        5,
        key=f"{prefix}_concurrency",
        help="Further requests are rejected.",
    )
    st.caption(NEW_ACCOUNTS)
    return Resources(memory_mb=int(memory), concurrency=int(most), server=server)


def _real_time(prefix: str, server: str) -> Resources:
    with st.grid(3, min_column_width=170, gap="small"):
        machine = _machine(prefix, USUAL_MACHINE)
        count = int(st.number_input("Instances", 1, 20, 1, key=f"{prefix}_machines"))
        most = int(
            st.number_input(
                "Scale out to",
                count,
                20,
                count,
                key=f"{prefix}_most_{count}",
                help="Adds instances under load, and removes them afterwards.",
            )
        )
    grows_to = 0
    if most > count:
        grows_to = most
    return Resources(machine, count, server=server, max_instances=grows_to)


_RESOURCES = {SERVERLESS: _serverless, REAL_TIME: _real_time}


def _machine(prefix: str, usual: str) -> str:
    return machine(usual, key=f"{prefix}_machine")


def machine(start: str, *, key: str, on: Any = st) -> str:
    """Draw the choice of an instance type: one with a known price, or any other by name."""
    known = prices.instances()
    chosen = own_option.maybe(
        "Instance type",
        list(dict.fromkeys(filter(None, [start, *known]))),
        own="Other instance type...",
        field="Instance type, such as ml.g5.xlarge",
        label=lambda name: known[name].title if name in known else name,
        start=start,
        key=key,
        on=on,
    )
    return chosen or ""


def _endpoint_price(resources: Resources) -> None:
    if resources.is_serverless:
        usd = prices.serverless(resources.memory_mb, 3600)
        each = prices.serverless(resources.memory_mb, 0.2 * 1000)
        words = (
            f"**Free while idle**; {plain(prices.money(usd))} per hour of inference, so about "
            f"{plain(prices.money(each))} for 1,000 photos of 0.2 s each. "
            f"{plain(prices.serverless_origin())}"
        )
        st.info(words, icon=":material/payments:")
        return
    cost = prices.estimate(
        resources.instance_type, "hosting", accounts.load().region, count=resources.instance_count
    )
    a_day, grown = None, ""
    if cost.per_hour:
        a_day = cost.per_hour * 24
    if resources.max_instances and cost.per_hour:
        most = cost.per_hour / resources.instance_count * resources.max_instances
        grown = f" With {resources.max_instances} instances {plain(prices.money(most))} per hour."
    _price(
        cost,
        (
            f"**{plain(prices.money(cost.per_hour))} per hour**, {plain(prices.money(a_day))} per "
            f"day, until it stops, idle or not.{grown}"
        ),
    )


def _price(cost: prices.Estimate, words: str) -> None:
    """Draw the price with its source, or that none is known."""
    if cost.price is None:
        st.info(plain(cost.words), icon=":material/payments:")
        return
    st.info(f"{words} {plain(cost.price.origin)}", icon=":material/payments:")
