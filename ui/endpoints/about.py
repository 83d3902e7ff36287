"""How an endpoint serves its model, how that compares with plain fp32, and what it counted."""

from __future__ import annotations

import streamlit as st

from core.backends import Endpoint
from core.jobs.status.endpoints import Figures, Form
from ui.endpoints import state
from ui.text import count, figure, parity_words, plain

COUNTED = "Since the endpoint went live, without the smoke test."


def show(endpoint: Endpoint, figures: Figures) -> None:
    """Draw the engine and its check against fp32, then every figure with its definition."""
    details = endpoint.details
    st.markdown(plain(served_as(details.form, details.chosen)))
    started = f"Smoke test: {state.milliseconds(details.smoke_ms)}"
    if details.start_seconds is not None:
        started += f", {details.start_seconds:.1f} s after the start"
    st.caption(plain(f"{started}.{details.remarks}"))
    timed = details.timed_as or (
        "From the first byte of a request to its answer, over the latest "
        f"{count(figures.timed, 'request')}."
    )
    rows = [
        ("Requests", figure(figures.requests, "{:,}"), details.counted or COUNTED),
        (
            "Errors",
            figure(figures.errors, "{:,}"),
            f"Requests that were rejected or failed; {figures.busy:,} because the queue was full.",
        ),
        ("p50", state.milliseconds(figures.p50_ms), timed),
        ("p95", state.milliseconds(figures.p95_ms), timed),
    ]
    if figures.waiting is not None:
        rows.insert(2, ("Waiting", f"{figures.waiting:,}", "Photos in the queue or in progress."))
    st.markdown(
        "\n".join(f"- **{name} {value}** :gray[{plain(words)}]" for name, value, words in rows)
    )


def served_as(form: str, engine: Form) -> str:
    """Return the engine, its speed compared with fp32, and the check of its answers."""
    words = f"Served as {form}"
    fp32, own = engine.plain_milliseconds, engine.milliseconds
    if fp32 > own > 0:
        words += f", {fp32 / own:.2g}x faster than fp32 ({own:.1f} vs {fp32:.1f} ms)"
    words += "."
    if engine.photos:
        words += f" {parity_words(engine.photos, engine.same_class, engine.max_difference)}."
    return words
