"""The clean-up: first what would go and why, and only then, on a second press, it goes."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core import files
from core.backends.sagemaker import account as accounts
from core.backends.sagemaker import cleanup, inventory, prices, running
from core.backends.sagemaker.cleanup import Doomed
from ui.aws_where import is_set_up
from ui.text import count, plain

PLAN, DONE = "aws_plan", "aws_done"


def show() -> None:
    """Dry run, choice, removal; only what bears a name of Fieldmark's is ever listed."""
    if not is_set_up():
        st.info("Set up the account first.", icon=":material/account_circle:")
        return
    st.markdown(
        "Looks for endpoints that are idle, failed or past their deadline, for models and configurations that nothing uses, and for what "
        "deleted jobs left in the bucket. Nothing is removed before you say so, and nothing that Fieldmark did not make."
    )
    if st.button("Look for what could go", key="aws_plan_button", type="primary", icon=":material/search:"):
        _look()
    _report()
    if PLAN in st.session_state:
        _choose(st.session_state[PLAN])


def _look() -> None:
    account = accounts.load()
    st.session_state.pop(DONE, None)
    with st.spinner("Asking AWS"):
        found = inventory.look(account)
        running.keep(found)
        st.session_state[PLAN] = cleanup.plan(account, found)


def _choose(plan: Sequence[Doomed]) -> None:
    if not plan:
        st.success("There is nothing to clean up.", icon=":material/check_circle:")
        return
    rows = [
        {
            "remove": doomed.sure,
            "what": doomed.kind,
            "name": doomed.name,
            "why": doomed.why,
            "saves an hour": prices.money(doomed.usd_per_hour) if doomed.usd_per_hour else "",
            "size": files.human_bytes(doomed.size_bytes) if doomed.size_bytes else "",
        }
        for doomed in plan
    ]
    st.caption("What may belong to somebody else who uses Fieldmark in this account is not chosen; look at it first.")
    edited = st.data_editor(
        pd.DataFrame(rows),
        hide_index=True,
        disabled=["what", "name", "why", "saves an hour", "size"],
        key=f"aws_doomed_{len(plan)}",
        alt="What could be removed, and why",
    )
    chosen = [doomed for doomed, remove in zip(plan, edited["remove"], strict=True) if remove]
    saved = sum(doomed.usd_per_hour for doomed in chosen)
    words = f"Remove {count(len(chosen), 'thing')}" + (f", saving {prices.money(saved)} an hour" if saved else "")
    if st.button(words, key="aws_carry_out", icon=":material/delete:", disabled=not chosen):
        _carry_out(chosen)


def _carry_out(chosen: Sequence[Doomed]) -> None:
    bar = st.progress(0.0, text="Removing")
    done = []
    for number, one in enumerate(cleanup.carry_out(accounts.load(), chosen), 1):
        done.append(one)
        bar.progress(number / len(chosen), text=f"{one.doomed.kind} {plain(one.doomed.name)}")
    st.session_state[DONE] = done
    st.session_state.pop(PLAN, None)
    running.look_beside(0)
    st.rerun()


def _report() -> None:
    done: Sequence[cleanup.Done] = st.session_state.get(DONE, ())
    gone = sum(not one.problem for one in done)
    if gone:
        st.success(f"{count(gone, 'thing')} removed.", icon=":material/check_circle:")
    for one in done:
        if one.problem:
            st.error(plain(f"{one.doomed.kind} {one.doomed.name}: {one.problem}"), icon=":material/error:")
