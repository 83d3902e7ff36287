"""The line about money on every page: what runs in the AWS account now, and what it costs. From
what is kept; it never waits for AWS."""

from __future__ import annotations

import streamlit as st

from core.aws import connection, prices
from core.backends.sagemaker.inventory import kept as running
from core.backends.sagemaker.inventory import look
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
    look.look_beside(
        CHANGED_SECONDS if found and changed > found.seen - CHANGED_SECONDS else FRESH_SECONDS
    )
    where = "Emulator" if connection.emulated() else "AWS"
    if not found:
        links.link("aws", f"{where}: not looked at yet", ":material/cloud:", aws_view="Running")
        return
    money = f"{prices.money(found.usd_per_hour)} an hour"
    said = money if found.reached else f"not reached; {money}" if found.ours else "not reached"
    links.link(
        "aws",
        f"{where}: {said}",
        ":material/cloud:" if found.reached else ":material/cloud_off:",
        aws_view="Running",
    )
    idle = sum(resource.is_idle or resource.is_overdue for resource in found.ours)
    words = f"{count(len(found.ours), 'thing')} running" if found.ours else "Nothing runs there"
    words += f", {idle} idle" if idle else ""
    st.caption(f"{words}, as of {age(found.seen)}.")
