"""The pre-flight checks: whether a job could start, each check with its finding and fix."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import streamlit as st

from core.aws import account as accounts
from core.aws import connection, containers, preflight, prices, quotas
from core.aws.checks import Check, MakeClient, Verdict
from core.aws.quotas import Wanted
from core.errors import UserError
from ui import choices
from ui.shared import live
from ui.text import plain, with_code

USAGES = {
    "training job": "Training",
    "spot training job": "Training on spot instances",
    "transform job": "Batches",
    "endpoint": "Endpoints",
}
PRICED = {
    "training job": "training",
    "spot training job": "training",
    "transform job": "transform",
    "endpoint": "hosting",
}
MARKS = {
    Verdict.GOOD: ("check_circle", "green"),
    Verdict.BAD: ("cancel", "red"),
    Verdict.UNSURE: ("help", "orange"),
}
REFRESH_SECONDS = 0.4
KEPT = "aws_checks"
_POOL = ThreadPoolExecutor(2, thread_name_prefix="preflight")


def show() -> None:
    """Draw the checks that need no network at once, the others when AWS has answered."""
    st.header("Pre-flight checks")
    account = accounts.load()
    wanted = _wanted(account)
    asked = (account, tuple(wanted), tuple(sorted(connection.environment())))
    with st.container(horizontal=True, vertical_alignment="center"):
        again = st.button("Check again", key="aws_check", icon=":material/refresh:")
    if again or st.session_state.get(KEPT, (None,))[0] != asked:
        st.session_state[KEPT] = (
            asked,
            _POOL.submit(preflight.run, account, wanted, _clients(account)),
        )
    asking = not st.session_state[KEPT][1].done()
    live.redrawn(_checks, REFRESH_SECONDS, running=asking)(account)


def _clients(account: accounts.Account) -> MakeClient:
    """Return a function that makes boto3 clients in the account's region, or in USUAL_REGION."""
    return functools.partial(connection.client, region=account.region or prices.USUAL_REGION)


def _wanted(account: accounts.Account) -> list[Wanted]:
    """Draw the choice of the instance type whose quota and price are checked."""
    region = account.region
    names = prices.instances()
    left, middle, right = st.columns([3, 3, 1])
    machine = choices.one(
        "Instance type",
        list(names),
        start=list(names)[1],
        label=lambda n: names[n].title,
        key="aws_quota_type",
        on=left,
    )
    usage = choices.one(
        "For", list(USAGES), label=USAGES.__getitem__, key="aws_quota_usage", on=middle
    )
    count = right.number_input("Instances", 1, 20, 1, key="aws_quota_count")
    estimate = prices.estimate(
        machine, PRICED[usage], region or prices.USUAL_REGION, count=int(count)
    )
    words = estimate.words
    if estimate.price:
        words = f"{words}. {plain(estimate.price.origin)}"
    st.caption(words)
    return [quotas.instances(machine, usage, int(count), _image(account, machine, usage))]


def _image(account: accounts.Account, machine: str, usage: str) -> str:
    """Return an image as the job would pull it, or '' in a region without one. AWS's training and
    serving images differ in name only."""
    try:
        if PRICED[usage] != "training" and account.inference_image:
            return account.inference_image
        return containers.training(account, machine)
    except UserError:
        return ""


def _checks(account: accounts.Account) -> None:
    future: Future[list[Check]] = st.session_state[KEPT][1]
    if future.done():
        _list(future.result())
        if st.session_state.get("aws_checks_shown") is not future:
            # One full rerun ends the polling.
            st.session_state["aws_checks_shown"] = future
            st.rerun()
        return
    st.caption(":material/progress_activity: Checking with AWS")
    _list(preflight.settings_only(account))


def _list(checks: Sequence[Check]) -> None:
    for check in checks:
        icon, colour = MARKS[check.verdict]
        with st.container(border=True, key=f"aws_check_{check.name.lower()}"):
            st.markdown(f":{colour}[:material/{icon}:] **{check.name}** {plain(check.found)}")
            if check.fix:
                st.markdown(with_code(check.fix))
            if check.code.startswith("{"):
                with st.expander("Policy to copy"):
                    st.code(check.code, language="json")
            elif check.code:
                st.code(check.code, language=None)
