"""The load test of an endpoint: the form, the running test, and earlier tests."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from core import backends, settings
from core.backends import Endpoint
from core.errors import NotFound
from core.io import files
from core.jobs import store as jobs
from core.jobs.specs import LoadSpec
from core.jobs.status.progress import LoadProgress
from core.jobs.store import Job, State
from ui import links
from ui.shared import charts, job_state, live, submit
from ui.text import age, count, figure, plain

REFRESH_SECONDS = 0.5
MAX_TESTS = 20


def show(endpoint: Endpoint) -> None:
    """Draw the form, then the test that the address names, or the latest one."""
    _form(endpoint)
    tests = [job for job in jobs.readable("load") if job.spec.get("endpoint_id") == endpoint.id][
        :MAX_TESTS
    ]
    if not tests:
        st.caption(
            "The test runs in its own process on this machine, so it shares the processor with a "
            "local endpoint."
        )
        return
    wanted = links.parameter("test") or links.parameter("job")
    chosen = next((job for job in tests if job.id == wanted), tests[0])
    live.job(_test, chosen, REFRESH_SECONDS)
    if len(tests) > 1:
        _table(tests, chosen)


def endpoint_of(job_id: str) -> str:
    """Return the endpoint of the load test with this id; any other id is returned unchanged."""
    try:
        job = jobs.read(job_id)
    except NotFound:
        return job_id
    return str(job.spec.get("endpoint_id", job_id))


def _form(endpoint: Endpoint) -> None:
    with st.container(
        border=True, horizontal=True, vertical_alignment="bottom", key="dp_load_form"
    ):
        requests = st.number_input(
            "Requests", 1, settings.MAX_LOAD_REQUESTS, 200, key="dp_load_requests", width=160
        )
        clients = st.number_input(
            "Clients",
            1,
            settings.MAX_LOAD_CLIENTS,
            8,
            key="dp_load_clients",
            width=160,
            help="Each client sends its next photo when it has received an answer.",
        )
        name = f"{count(int(requests), 'request')} from {count(int(clients), 'client')}"
        submit.button(
            "Start the load test",
            lambda job_id: backends.of(endpoint).load_test(
                LoadSpec(name, endpoint.id, int(requests), int(clients), id=job_id)
            ),
            _show_test,
            form="dp_load",
            kind="load",
            key="dp_load",
            icon=":material/speed:",
        )
        st.caption("Sends the model's test photos; each client reuses one connection.")


def _show_test(job: Job) -> None:
    links.set_parameters(test=job.id)
    st.rerun()


def _test(job: Job) -> None:
    told = LoadProgress.from_json(job.status.progress)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"{job_state.badge(job.state)} {plain(job.name)}, {age(job.created)}", width="content"
        )
        if not job.state.is_finished and st.button(
            "Stop", key=f"dp_load_stop_{job.id}", icon=":material/stop_circle:"
        ):
            backends.of(job).stop(job)
    if job.state is State.FAILED:
        st.error(plain(job.status.reason), icon=":material/error:")
    if not job.state.is_finished:
        live.bar(told.done, told.total, f"{told.done:,} of {told.total:,} requests")
    _figures(told)
    if job.state.is_finished:
        _histogram(job)


def _figures(told: LoadProgress) -> None:
    with st.grid(5, min_column_width=130, gap="small"):
        for name, value in (("p50", told.p50_ms), ("p95", told.p95_ms), ("p99", told.p99_ms)):
            st.metric(name, figure(value, "{:.1f} ms"), border=True)
        st.metric("Throughput", figure(told.per_second, "{:.0f}/s"), border=True)
        st.metric("Failed", f"{told.failed:,}", border=True)
    for reason, times in told.errors.items():
        st.warning(f"{count(times, 'request')} failed: {plain(reason)}", icon=":material/warning:")


def _histogram(job: Job) -> None:
    try:
        times = pd.DataFrame(
            {"ms": files.read_json(job.folder.output / "load.json")["milliseconds"]}
        )
    except (OSError, ValueError, KeyError):
        return
    if times.empty:
        return
    # A few very slow requests would squeeze all others into one bar.
    most = float(times["ms"].quantile(0.995)) * 1.05
    bars = (
        alt.Chart(times[times["ms"] <= most])
        .mark_bar(color=charts.PALETTE[0])
        .encode(
            x=alt.X("ms:Q", bin=alt.Bin(maxbins=50), title="round trip, ms"),
            y=alt.Y(
                "count():Q",
                title="requests",
                scale=alt.Scale(padding=18),
                axis=alt.Axis(format="d", tickMinStep=1),
            ),
            tooltip=[
                alt.Tooltip("ms:Q", bin=alt.Bin(maxbins=50), title="ms"),
                alt.Tooltip("count():Q", title="requests"),
            ],
        )
    )
    marks = pd.DataFrame(
        {"ms": [times["ms"].quantile(share) for share in (0.5, 0.95)], "name": ["p50", "p95"]}
    )
    rules = alt.Chart(marks).mark_rule(strokeDash=[4, 3], color=charts.PALETTE[1]).encode(x="ms:Q")
    names = (
        alt.Chart(marks)
        .mark_text(align="left", dx=4, dy=-4, baseline="top", color=charts.PALETTE[1])
        .encode(x="ms:Q", y=alt.value(2), text="name:N")
    )
    st.altair_chart(
        (bars + rules + names).properties(height=260),
        key=f"dp_load_chart_{job.id}",
        alt="Histogram of the round trip times",
    )
    left_out = int((times["ms"] > most).sum())
    if left_out:
        st.caption(f"Not shown: {count(left_out, 'request')} longer than {most:.0f} ms.")


def _table(tests: Sequence[Job], chosen: Job) -> None:
    told = [LoadProgress.from_json(job.status.progress) for job in tests]
    rows = [
        {
            "requests": job.spec["requests"],
            "clients": job.spec["clients"],
            "p50": one.p50_ms,
            "p95": one.p95_ms,
            "p99": one.p99_ms,
            "per second": one.per_second,
            "failed": one.failed,
            "state": str(job.state),
            "started": age(job.created),
        }
        for job, one in zip(tests, told, strict=True)
    ]
    st.markdown("**Tests of this endpoint**, times in ms")
    number = st.column_config.NumberColumn(format="%.1f")
    event = st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"dp_load_table_{len(tests)}",
        column_config=dict.fromkeys(("p50", "p95", "p99", "per second"), number),
        alt="Load tests with their figures; times in milliseconds",
    )
    rows_chosen = event["selection"]["rows"]
    if rows_chosen and tests[rows_chosen[0]].id != chosen.id:
        links.set_parameters(test=tests[rows_chosen[0]].id)
        st.rerun()
