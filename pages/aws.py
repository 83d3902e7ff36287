"""AWS: account and pre-flight checks, running resources and their cost, clean-up, prices."""

import streamlit as st

from ui import choices, messages
from ui.aws import account as aws_account
from ui.aws import banner as aws_where
from ui.aws import cleanup as aws_cleanup
from ui.aws import permissions as aws_permissions
from ui.aws import preflight as aws_preflight
from ui.aws import prices as aws_prices
from ui.aws import running as aws_running
from ui.aws import self_test as aws_selftest
from ui.aws import template as aws_template
from ui.guard import guard
from ui.notices import title

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
view = choices.view(
    "View",
    list(VIEWS),
    start=first,
    label=VIEWS.__getitem__,
    key="aws_view",
    keep=(),
    label_visibility="collapsed",
)
title.show(VIEWS[view], "AWS")
with messages.report_errors():
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
        aws_template.show()
        aws_preflight.show()
