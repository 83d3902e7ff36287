"""AWS: is everything ready, what runs there and costs, and what could go."""

import streamlit as st

from ui import aws_account, aws_cleanup, aws_permissions, aws_preflight, aws_prices, aws_running, aws_selftest, aws_where, choices, messages
from ui.guard import guard

guard()

VIEWS = {
    "account": "Account",
    "running": "Running",
    "cleanup": "Clean up",
    "prices": "Prices",
    "permissions": "Permissions",
    "selftest": "Self-test",
}

st.title("AWS")
aws_where.show()
ready = aws_where.is_set_up()
first = "running" if ready else "account"
view = choices.segment(
    "View",
    list(VIEWS),
    start=first,
    label=VIEWS.__getitem__,
    key="aws_view",
    bind="query-params",
    label_visibility="collapsed",
)
with messages.shown():
    if view == "running":
        aws_running.show()
    elif view == "cleanup":
        aws_cleanup.show()
    elif view == "prices":
        aws_prices.show()
    elif view == "permissions":
        aws_permissions.show()
    elif view == "selftest":
        aws_selftest.show()
    else:
        aws_account.show()
        aws_preflight.show()
