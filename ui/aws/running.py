"""Everything that runs in the region: Fieldmark's resources with cost and link, and a list of the
others."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.aws import prices
from core.backends.sagemaker.inventory import kept as running
from core.backends.sagemaker.inventory import look as inventory
from core.backends.sagemaker.inventory.kept import Resource, Running
from core.errors import NotFound
from core.jobs import store as jobs
from ui import links
from ui.aws.banner import is_set_up
from ui.shared import live
from ui.shared.jobs_table import PAGES
from ui.text import age, count, duration, plain

REFRESH_SECONDS = 1.0
# Maximum age before AWS is asked again while the view is open.
FRESH_SECONDS = 10.0
WORDS = {
    "endpoint": "endpoint",
    "training": "training job",
    "tuning": "tuning job",
    "transform": "batch",
    "notebook": "notebook",
}
# AWS's states in the words of the other pages, and their colours.
STATES = {
    "InService": ("Live", "green"),
    "Failed": ("Failed", "red"),
    "Creating": ("Starting", "blue"),
    "InProgress": ("Running", "blue"),
    "Deleting": ("Deleting", "orange"),
    "Stopping": ("Stopping", "orange"),
}


def show() -> None:
    """Draw AWS's latest answer and its age; refreshed in the background."""
    if not is_set_up():
        st.info(
            "Set up the account first, under Account. Then its running resources are listed here.",
            icon=":material/account_circle:",
        )
        return
    live.redrawn(_found, REFRESH_SECONDS, running=True)()


def _found() -> None:
    inventory.look_beside(FRESH_SECONDS)
    found = running.kept()
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Refresh", key="aws_look", icon=":material/refresh:", disabled=inventory.is_looking()
        ):
            inventory.look_beside(0)
        if inventory.is_looking():
            st.caption(":material/progress_activity: Reading from AWS", width="content")
        if found:
            st.caption(
                f"Updated {age(found.seen)}. Only {found.region} is listed.", width="content"
            )
    if not found:
        return
    for problem in found.problems:
        st.warning(plain(problem), icon=":material/warning:")
    _figures(found)
    _ours(found)
    _others(found.others)


def _figures(found: Running) -> None:
    known = [resource for resource in found.ours if resource.usd is not None]
    unknown = len(found.ours) - len(known)
    note = f"{count(unknown, 'resource')} without a known price" if unknown else None
    idle = sum(resource.is_idle for resource in found.ours)
    with st.grid(4, min_column_width=150, gap="small"):
        st.metric(
            "Running",
            len(found.ours),
            border=True,
            height="stretch",
            help="Resources that Fieldmark created (by their tag).",
        )
        st.metric(
            "Cost per hour",
            prices.money(found.usd_per_hour),
            note,
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
        total = sum(resource.usd or 0.0 for resource in known)
        words = "Age times hourly price, without storage and data transfer. Your bill may differ."
        st.metric(
            "Cost so far, about", prices.money(total), border=True, height="stretch", help=words
        )
        st.metric(
            "Idle endpoints",
            idle,
            border=True,
            height="stretch",
            help="Older than an hour, without a request in the last hour.",
        )


def _ours(found: Running) -> None:
    if not found.ours:
        st.caption("No resources of Fieldmark are running, so nothing costs money.")
        return
    for resource in found.ours:
        _row(resource)
    st.caption(plain(_source(found.region)))


def _row(resource: Resource) -> None:
    with st.container(border=True, key=f"aws_row_{resource.name}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            state, colour = STATES.get(resource.state, (resource.state, "gray"))
            st.markdown(f":{colour}-badge[{plain(state)}]", width="content")
            name = plain(_name_here(resource.name) or resource.title or resource.name)
            if _is_here(resource.name):
                links.link(PAGES[resource.kind], name, **_parameters(resource))
            else:
                st.markdown(f"**{name}**", width="content")
            if resource.is_overdue:
                st.markdown(":red-badge[past its auto-stop time]", width="content")
            if resource.is_idle:
                st.markdown(":orange-badge[idle]", width="content")
        st.caption(_facts(resource))


def _parameters(resource: Resource) -> dict[str, str]:
    return {"endpoint" if resource.kind == "endpoint" else "job": resource.name}


def _facts(resource: Resource) -> str:
    words = [
        f"{WORDS[resource.kind]} {plain(resource.name)}",
        plain(resource.machines),
        f"started {age(resource.created)}",
    ]
    if resource.usd_per_hour is None:
        words.append("unknown price")
    elif resource.usd_per_hour:
        words.append(
            f"{prices.money(resource.usd_per_hour)} per hour, {prices.money(resource.usd)} so far"
        )
    elif resource.machines.startswith("serverless"):
        words.append("costs money only while it answers")
    if resource.deadline and not resource.is_overdue:
        words.append(f"auto-stop in {duration(resource.deadline - time.time())}")
    if resource.requests is not None:
        words.append(f"{count(int(resource.requests), 'request')} in the last hour")
    if not _is_here(resource.name):
        words.append("started on another machine")
    return ", ".join(word for word in words if word)


def _others(found: Sequence[Resource]) -> None:
    if not found:
        return
    with st.expander(
        f"{count(len(found), 'other resource')} in this region, not created by Fieldmark"
    ):
        st.caption("Fieldmark never changes these.")
        rows = [
            {
                "kind": WORDS[resource.kind],
                "name": resource.name,
                "state": STATES.get(resource.state, (resource.state,))[0],
                "instances": resource.machines,
                "started": age(resource.created),
                "USD per hour": resource.usd_per_hour,
                "requests in the last hour": resource.requests,
            }
            for resource in found
        ]
        number = st.column_config.NumberColumn(format="%.3f")
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            column_config={"USD per hour": number},
            alt="Other resources in this region",
        )


def _is_here(name: str) -> bool:
    return bool(_name_here(name))


def _name_here(job_id: str) -> str:
    """Return the job's name on this machine, which a tag may shorten; '' if it is not here."""
    try:
        return jobs.read(job_id).name
    except NotFound:
        return ""


def _source(region: str) -> str:
    date, asked = prices.date_of(region)
    if asked:
        return f"AWS list prices, {date}."
    return f"Approximate list prices, {date}. Refresh them under Prices."
