"""An endpoint's state, cost and automatic stop, in words."""

from __future__ import annotations

import time

import streamlit as st

from core.aws import prices
from core.backends import Endpoint, EndpointState
from core.jobs.status.endpoints import Figures
from ui.text import age, count, duration, plain

COLOURS = {
    EndpointState.CREATING: "blue",
    EndpointState.IN_SERVICE: "green",
    EndpointState.DELETING: "orange",
    EndpointState.FAILED: "red",
}


def badge(endpoint: Endpoint) -> str:
    """Return the state as a coloured badge in Markdown."""
    return f":{COLOURS[endpoint.state]}-badge[{endpoint.state}]"


def auto_stop(endpoint: Endpoint) -> str:
    """Return `auto-stop: never` or `auto-stop: in 2 h 5 min`; empty for an endpoint that Fieldmark
    did not create."""
    if not endpoint.details.IS_OURS:
        return ""
    deadline = endpoint.details.deadline
    if not deadline:
        return "auto-stop: never"
    return f"auto-stop: in {duration(max(0.0, deadline - time.time()))}"


def cost(endpoint: Endpoint) -> str:
    """Return `1 x ml.m5.large, 0.05 USD so far`; empty for an endpoint that costs nothing."""
    details = endpoint.details
    words = details.instance
    if words and details.usd_per_hour:
        hours = (time.time() - endpoint.created) / 3600
        words += f", {prices.money(details.usd_per_hour * hours)} so far"
    return words


def warn_if_stale(endpoint: Endpoint) -> None:
    """Show the age of the state if the endpoint's platform does not respond."""
    if reason := endpoint.details.stale:
        st.warning(
            f"Last update {age(endpoint.details.seen)}. {plain(reason)}",
            icon=":material/cloud_off:",
        )


def counts(figures: Figures) -> list[str]:
    """Return requests, errors and the median time, as far as they are known."""
    words = []
    if figures.requests is not None:
        words.append(count(figures.requests, "request"))
    if figures.errors:
        words.append(count(figures.errors, "error"))
    if figures.p50_ms is not None:
        words.append(f"p50 {milliseconds(figures.p50_ms)}")
    return words


def milliseconds(value: float | None) -> str:
    """Return `8.7 ms` or `128 ms`: no more digits than a reader needs; a dash for None."""
    if value is None:
        return "-"
    if value < 10:
        return f"{value:.1f} ms"
    return f"{value:,.0f} ms"
