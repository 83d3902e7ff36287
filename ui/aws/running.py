"""Everything that runs in the region: ours with cost and a way to it, others' only to be seen."""

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

LOOK_SECONDS = 1.0
# Older than this it is asked for again while the view is open.
FRESH_SECONDS = 10.0
WORDS = {
    "endpoint": "endpoint",
    "training": "training job",
    "tuning": "tuning job",
    "transform": "batch",
    "notebook": "notebook",
}
COLOURS = {
    "InService": "green",
    "Failed": "red",
    "Creating": "blue",
    "Deleting": "orange",
    "Stopping": "orange",
}


def show() -> None:
    """What AWS said last, with its age; it is asked again beside the page."""
    if not is_set_up():
        st.info(
            "Set up the account first; then everything that runs in it is listed here.",
            icon=":material/account_circle:",
        )
        return
    live.redrawn(_found, LOOK_SECONDS, running=True)()


def _found() -> None:
    inventory.look_beside(FRESH_SECONDS)
    found = running.kept()
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Look again", key="aws_look", icon=":material/refresh:", disabled=inventory.is_looking()
        ):
            inventory.look_beside(0)
        if inventory.is_looking():
            st.caption(":material/progress_activity: Asking AWS", width="content")
        if found:
            st.caption(f"As AWS said {age(found.seen)}, in {found.region} only.", width="content")
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
    note = f"{count(unknown, 'thing')} without a known price" if unknown else None
    idle = sum(resource.is_idle for resource in found.ours)
    with st.grid(4, min_column_width=150, gap="small"):
        st.metric(
            "Running now",
            len(found.ours),
            border=True,
            height="stretch",
            help="Made by Fieldmark: they bear its tag.",
        )
        st.metric(
            "An hour",
            prices.money(found.usd_per_hour),
            note,
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
        total = sum(resource.usd or 0.0 for resource in known)
        words = "Age times price an hour, without storage and data; the bill decides."
        st.metric("So far, about", prices.money(total), border=True, height="stretch", help=words)
        st.metric(
            "Idle endpoints",
            idle,
            border=True,
            height="stretch",
            help="Without a request for an hour, and older than that.",
        )


def _ours(found: Running) -> None:
    if not found.ours:
        st.caption("Nothing of ours runs there, and nothing of ours costs.")
        return
    for resource in found.ours:
        _row(resource)
    st.caption(f"Prices: {plain(_origin(found.region))}.")


def _row(resource: Resource) -> None:
    with st.container(border=True, key=f"aws_row_{resource.name}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":{COLOURS.get(resource.state, 'gray')}-badge[{plain(resource.state)}]",
                width="content",
            )
            name = plain(_name_here(resource.name) or resource.title or resource.name)
            if _is_here(resource.name):
                links.link(PAGES[resource.kind], name, **_parameters(resource))
            else:
                st.markdown(f"**{name}**", width="content")
            if resource.is_overdue:
                st.markdown(":red-badge[past its deadline]", width="content")
            if resource.is_idle:
                st.markdown(":orange-badge[idle]", width="content")
        st.caption(_facts(resource))


def _parameters(resource: Resource) -> dict[str, str]:
    return {"endpoint" if resource.kind == "endpoint" else "job": resource.name}


def _facts(resource: Resource) -> str:
    words = [
        f"{WORDS[resource.kind]} {plain(resource.name)}",
        plain(resource.machines),
        f"made {age(resource.created)}",
    ]
    if resource.usd_per_hour is None:
        words.append("price not known")
    elif resource.usd_per_hour:
        words.append(
            f"{prices.money(resource.usd_per_hour)} an hour, {prices.money(resource.usd)} so far"
        )
    elif resource.machines.startswith("serverless"):
        words.append("costs only while it answers")
    if resource.deadline and not resource.is_overdue:
        words.append(f"ends in {duration(resource.deadline - time.time())}")
    if resource.requests is not None:
        words.append(f"{count(int(resource.requests), 'request')} within the hour")
    if not _is_here(resource.name):
        words.append("not known on this machine")
    return ", ".join(word for word in words if word)


def _others(found: Sequence[Resource]) -> None:
    if not found:
        return
    with st.expander(f"{count(len(found), 'other thing')} in this region, not made by Fieldmark"):
        st.caption("Only shown: nothing here can be changed from this page.")
        rows = [
            {
                "kind": WORDS[resource.kind],
                "name": resource.name,
                "state": resource.state,
                "on": resource.machines,
                "made": age(resource.created),
                "USD an hour": resource.usd_per_hour,
                "requests within the hour": resource.requests,
            }
            for resource in found
        ]
        number = st.column_config.NumberColumn(format="%.3f")
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            column_config={"USD an hour": number},
            alt="What others run in this region",
        )


def _is_here(name: str) -> bool:
    return bool(_name_here(name))


def _name_here(job_id: str) -> str:
    """What a job is called on this machine, for tags take fewer characters; empty where it is
    not known here."""
    try:
        return jobs.read(job_id).name
    except NotFound:
        return ""


def _origin(region: str) -> str:
    date, asked = prices.date_of(region)
    if asked:
        return f"from AWS's Pricing API, {date}"
    return f"approximate, from the table of {date}; the view Prices refreshes it"
