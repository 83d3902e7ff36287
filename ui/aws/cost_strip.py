"""The line about money on every page: what runs in the AWS account now, and what it costs. From
what is kept; it never waits for AWS."""

from __future__ import annotations

import streamlit as st

from core.aws import connection, prices
from core.backends.sagemaker.inventory import kept as running
from core.backends.sagemaker.inventory import look
from core.backends.sagemaker.inventory.kept import Running
from ui import links
from ui.aws.banner import is_set_up
from ui.text import age, count

# How old it may be before AWS is asked again, beside the page; and once something was started
# since.
FRESH_SECONDS, CHANGED_SECONDS = 120.0, 10.0


def show(changed: float) -> None:
    """Nothing where no account is set up. `changed` is when something was started from here, or
    ended, last."""
    if not is_set_up():
        return
    found = running.kept()
    look.look_beside(_fresh_enough(found, changed))
    where = "Emulator" if connection.emulated() else "AWS"
    if not found:
        links.link("aws", f"{where}: not looked at yet", ":material/cloud:", aws_view="Running")
        return
    icon = ":material/cloud:" if found.reached else ":material/cloud_off:"
    links.link("aws", f"{where}: {_cost(found)}", icon, aws_view="Running")
    st.caption(f"{_running(found)}, as of {age(found.seen)}.")


def _fresh_enough(found: Running | None, changed: float) -> float:
    if found and changed > found.seen - CHANGED_SECONDS:
        return CHANGED_SECONDS
    return FRESH_SECONDS


def _cost(found: Running) -> str:
    money = f"{prices.money(found.usd_per_hour)} an hour"
    if found.reached:
        return money
    if found.ours:
        return f"not reached; {money}"
    return "not reached"


def _running(found: Running) -> str:
    if not found.ours:
        return "Nothing runs there"
    words = f"{count(len(found.ours), 'thing')} running"
    if idle := sum(resource.is_idle or resource.is_overdue for resource in found.ours):
        words += f", {idle} idle"
    return words
