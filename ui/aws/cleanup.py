"""The clean-up: find unused resources and why they are unused, then delete the chosen ones."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.aws import account as accounts
from core.aws import prices
from core.backends.sagemaker.inventory import cleanup
from core.backends.sagemaker.inventory import kept as running
from core.backends.sagemaker.inventory import look as inventory
from core.backends.sagemaker.inventory.cleanup import Candidate
from core.errors import BackendError
from core.io import files
from ui.aws.banner import is_set_up
from ui.text import count, plain

NAMED = 2
PLAN, DONE, LEFT_OUT = "aws_plan", "aws_done", "aws_plan_left_out"
WORDS = {False: "On SageMaker", True: "In the bucket"}


def show() -> None:
    """Draw the search, the choice and the deletion; lists only what Fieldmark created."""
    if not is_set_up():
        st.info("Set up the account first, under Account.", icon=":material/account_circle:")
        return
    st.markdown(
        "Finds endpoints that are idle, failed or past their auto-stop time, unused models and "
        "configurations, and objects in the bucket that no job, endpoint or dataset uses. Nothing "
        "is deleted until you confirm, and only resources that Fieldmark created are listed."
    )
    if st.button(
        "Find unused resources", key="aws_plan_button", type="primary", icon=":material/search:"
    ):
        _look()
    _report()
    if PLAN in st.session_state:
        _choose(st.session_state[PLAN])


def _look() -> None:
    account = accounts.load()
    st.session_state.pop(DONE, None)
    with st.spinner("Searching AWS"):
        found = inventory.look(account)
        running.keep(found)
        plan, left_out = cleanup.plan(account, found), ""
        try:
            plan += cleanup.shared(account, found)
        except BackendError as error:
            left_out = str(error)
    st.session_state.update({PLAN: plan, LEFT_OUT: left_out})


def _choose(plan: Sequence[Candidate]) -> None:
    if left_out := st.session_state.get(LEFT_OUT):
        st.info(plain(left_out), icon=":material/info:")
    if not plan:
        st.success("No unused resources found.", icon=":material/check_circle:")
        return
    st.caption("Resources that a colleague's Fieldmark may use are not selected. Check them first.")
    chosen: list[Candidate] = []
    for stored, title in WORDS.items():
        if group := [candidate for candidate in plan if candidate.stored is stored]:
            chosen += _group(title, group)
    saved = sum(candidate.usd_per_hour for candidate in chosen)
    size = sum(candidate.size_bytes for candidate in chosen)
    words = f"Delete {_named(chosen)}"
    if size:
        words += f", freeing {files.human_bytes(size)}"
    if saved:
        words += f", saving {prices.money(saved)} per hour"
    if st.button(words, key="aws_carry_out", icon=":material/delete:", disabled=not chosen):
        _carry_out(chosen)


def _named(chosen: Sequence[Candidate]) -> str:
    """Return what is deleted: names if they are few, else a count."""
    if not 1 <= len(chosen) <= NAMED:
        return count(len(chosen), "resource")
    return " and ".join(f"{candidate.kind} {plain(candidate.name)}" for candidate in chosen)


def _group(title: str, group: Sequence[Candidate]) -> list[Candidate]:
    """Draw the table of one group; return the selected candidates."""
    heading = title
    if size := sum(candidate.size_bytes for candidate in group):
        heading += f", {files.human_bytes(size)}"
    st.header(heading)
    frame = pd.DataFrame([_row(candidate) for candidate in group])
    # Empty columns are left out.
    frame = frame.drop(
        columns=[name for name in ("size", "saves per hour") if not frame[name].any()]
    )
    edited = st.data_editor(
        frame,
        hide_index=True,
        disabled=[name for name in frame.columns if name != "delete"],
        # Ticks are stored by row: they must not pass to the same row of another search.
        key=f"aws_candidates_{title}_{hash(tuple((each.kind, each.name) for each in group))}",
        alt=f"Unused resources and why they are unused: {title}",
    )
    return [candidate for candidate, remove in zip(group, edited["delete"], strict=True) if remove]


def _row(candidate: Candidate) -> dict[str, object]:
    size, saved = "", ""
    if candidate.size_bytes:
        size = files.human_bytes(candidate.size_bytes)
    if candidate.usd_per_hour:
        saved = prices.money(candidate.usd_per_hour)
    return {
        "delete": candidate.sure,
        "kind": candidate.kind,
        "name": candidate.name,
        "why": candidate.why,
        "size": size,
        "saves per hour": saved,
    }


def _carry_out(chosen: Sequence[Candidate]) -> None:
    bar = st.progress(0.0, text="Deleting")
    done = []
    for number, one in enumerate(cleanup.carry_out(accounts.load(), chosen), 1):
        done.append(one)
        bar.progress(number / len(chosen), text=f"{one.candidate.kind} {plain(one.candidate.name)}")
    st.session_state[DONE] = done
    st.session_state.pop(PLAN, None)
    inventory.look_beside(0)
    st.rerun()


def _report() -> None:
    done: Sequence[cleanup.Done] = st.session_state.get(DONE, ())
    deleted = sum(not one.problem for one in done)
    if deleted:
        st.success(f"Deleted {count(deleted, 'resource')}.", icon=":material/check_circle:")
    for one in done:
        if one.problem:
            st.error(
                plain(f"{one.candidate.kind} {one.candidate.name}: {one.problem}"),
                icon=":material/error:",
            )
