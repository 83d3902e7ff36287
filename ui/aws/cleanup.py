"""The clean-up: first what would go and why, and only then, on a second press, it goes."""

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
    """Dry run, choice, removal; only what bears a name of Fieldmark's is ever listed."""
    if not is_set_up():
        st.info("Set up the account first.", icon=":material/account_circle:")
        return
    st.markdown(
        "Looks for endpoints that are idle, failed or past their deadline, for models and "
        "configurations that nothing uses, and in the bucket for what deleted jobs left and for "
        "photos, dataset versions, scripts, weights and archives that nothing uses any more. "
        "Nothing is removed before you say so, and nothing that Fieldmark did not make."
    )
    if st.button(
        "Look for what could go", key="aws_plan_button", type="primary", icon=":material/search:"
    ):
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
        st.success("There is nothing to clean up.", icon=":material/check_circle:")
        return
    st.caption(
        "What may belong to somebody else who uses Fieldmark in this account is not chosen; look "
        "at it first."
    )
    chosen: list[Candidate] = []
    for stored, title in WORDS.items():
        if group := [candidate for candidate in plan if candidate.stored is stored]:
            chosen += _group(title, group)
    saved = sum(candidate.usd_per_hour for candidate in chosen)
    size = sum(candidate.size_bytes for candidate in chosen)
    words = f"Remove {_named(chosen)}"
    if size:
        words += f", freeing {files.human_bytes(size)}"
    if saved:
        words += f", saving {prices.money(saved)} an hour"
    if st.button(words, key="aws_carry_out", icon=":material/delete:", disabled=not chosen):
        _carry_out(chosen)


def _named(chosen: Sequence[Candidate]) -> str:
    """What goes: by name where it is few."""
    if not 1 <= len(chosen) <= NAMED:
        return count(len(chosen), "thing")
    return " and ".join(f"{candidate.kind} {plain(candidate.name)}" for candidate in chosen)


def _group(title: str, group: Sequence[Candidate]) -> list[Candidate]:
    """The table of one place; what of it is chosen."""
    heading = title
    if size := sum(candidate.size_bytes for candidate in group):
        heading += f", {files.human_bytes(size)}"
    st.header(heading)
    frame = pd.DataFrame([_row(candidate) for candidate in group])
    # A column that says nothing here is left out.
    frame = frame.drop(
        columns=[name for name in ("size", "saves an hour") if not frame[name].any()]
    )
    edited = st.data_editor(
        frame,
        hide_index=True,
        disabled=[name for name in frame.columns if name != "remove"],
        # A tick is kept by row: it must not pass to what stands in that row of another plan.
        key=f"aws_candidates_{title}_{hash(tuple((each.kind, each.name) for each in group))}",
        alt=f"What could be removed, and why: {title}",
    )
    return [candidate for candidate, remove in zip(group, edited["remove"], strict=True) if remove]


def _row(candidate: Candidate) -> dict[str, object]:
    size, saved = "", ""
    if candidate.size_bytes:
        size = files.human_bytes(candidate.size_bytes)
    if candidate.usd_per_hour:
        saved = prices.money(candidate.usd_per_hour)
    return {
        "remove": candidate.sure,
        "what": candidate.kind,
        "name": candidate.name,
        "why": candidate.why,
        "size": size,
        "saves an hour": saved,
    }


def _carry_out(chosen: Sequence[Candidate]) -> None:
    bar = st.progress(0.0, text="Removing")
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
    gone = sum(not one.problem for one in done)
    if gone:
        st.success(f"{count(gone, 'thing')} removed.", icon=":material/check_circle:")
    for one in done:
        if one.problem:
            st.error(
                plain(f"{one.candidate.kind} {one.candidate.name}: {one.problem}"),
                icon=":material/error:",
            )
