"""Where the app's AWS calls lead: an account, or an emulator on this machine, which the page
says plainly."""

from __future__ import annotations

import streamlit as st

from core.aws import account as accounts
from core.aws import connection
from core.errors import NotFound
from ui.text import plain


def show() -> None:
    """One line about the account; a note where nothing of this is AWS."""
    if address := connection.emulated():
        st.warning(
            (
                f"**This is an emulator, not AWS.** AWS_ENDPOINT_URL leads to `{address}`: jobs "
                "really run, on that machine, and cost nothing. It says nothing about "
                "permissions, quotas, images, GPUs or times of the real thing."
            ),
            icon=":material/science:",
        )
    account = _account()
    if account.is_set_up:
        st.caption(
            f"Region {plain(account.region)}, bucket "
            f"{plain(account.bucket)}/{plain(account.prefix)}"
        )
    else:
        st.markdown(
            "Everything works on this workstation without AWS. With an account, jobs, endpoints "
            "and batches can run on Amazon SageMaker, on the same pages; it is set up here once."
        )


def is_set_up() -> bool:
    return _account().is_set_up


def _account() -> accounts.Account:
    try:
        return accounts.load()
    except NotFound:
        return accounts.Account()
