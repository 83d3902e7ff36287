"""The line about money on every page: what runs in the AWS account now, and what it costs. From what is kept; it never waits for AWS."""

from __future__ import annotations

from core.backends.sagemaker import connection, prices, running
from ui import links
from ui.aws_where import is_set_up
from ui.text import age, count

# How old it may be before AWS is asked again, beside the page.
FRESH_SECONDS = 120.0


def show() -> None:
    """Nothing where no account is set up."""
    if not is_set_up():
        return
    running.look_beside(FRESH_SECONDS)
    found = running.kept()
    where = "Emulator" if connection.emulated() else "AWS"
    if not found:
        links.link("aws", f"{where}: not looked at yet", ":material/cloud:", aws_view="Running")
        return
    if not found.reached:
        links.link("aws", f"{where}: not reached, {age(found.seen)}", ":material/cloud_off:", aws_view="Running")
        return
    number = len(found.ours)
    words = f"{count(number, 'thing')}, {prices.money(found.usd_per_hour)} an hour" if number else "nothing runs"
    idle = sum(resource.is_idle or resource.is_overdue for resource in found.ours)
    words += f", {idle} idle" if idle else ""
    links.link("aws", f"{where}: {words} ({age(found.seen)})", ":material/cloud:", aws_view="Running")
