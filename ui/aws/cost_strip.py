"""The cost line on every page: what runs in the AWS account, and its cost per hour. Drawn from the
last stored answer; never waits for AWS."""

from __future__ import annotations

import streamlit as st

from core.aws import connection, prices
from core.backends.sagemaker.inventory import kept as running
from core.backends.sagemaker.inventory import look
from core.backends.sagemaker.inventory.kept import Running
from ui import links
from ui.aws.banner import is_set_up
from ui.text import age, count

# Maximum age of the answer before AWS is asked again in the background; less after a start or end.
FRESH_SECONDS, CHANGED_SECONDS = 120.0, 10.0


def show(changed: float) -> None:
    """Draw the line; nothing without an account. `changed` is when a job or endpoint was last
    started or ended here."""
    if not is_set_up():
        return
    found = running.kept()
    look.look_beside(_fresh_enough(found, changed))
    where = "Emulator" if connection.emulated() else "AWS"
    if not found:
        links.link("aws", f"{where}: checking", ":material/cloud:", aws_view="Running")
        return
    icon = ":material/cloud:" if found.reached else ":material/cloud_off:"
    links.link("aws", f"{where}: {_cost(found)}", icon, aws_view="Running")
    st.caption(f"{_running(found)}, updated {age(found.seen)}.")


def _fresh_enough(found: Running | None, changed: float) -> float:
    if found and changed > found.seen - CHANGED_SECONDS:
        return CHANGED_SECONDS
    return FRESH_SECONDS


def _cost(found: Running) -> str:
    money = f"{prices.money(found.usd_per_hour)} per hour"
    if found.reached:
        return money
    if found.ours:
        return f"offline; {money}"
    return "offline"


def _running(found: Running) -> str:
    if not found.ours:
        return "Nothing is billed"
    words = f"{count(len(found.ours), 'resource')} billed"
    if idle := sum(resource.is_idle or resource.is_overdue for resource in found.ours):
        words += f", {idle} idle"
    return words
