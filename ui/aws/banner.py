"""The account that AWS calls go to, with a warning if it is an emulator."""

from __future__ import annotations

import streamlit as st

from core.aws import account as accounts
from core.aws import connection
from core.errors import NotFound
from ui.text import plain


def show() -> None:
    """Draw one line about the account, and a warning for an emulator."""
    if address := connection.emulated():
        st.warning(
            (
                f"**This is an emulator, not AWS.** AWS_ENDPOINT_URL is set to `{address}`. Jobs "
                "run on that machine and are free. Permissions, quotas, images, GPUs and times "
                "differ on AWS."
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
            "Everything works on this workstation without AWS. Set up an account here once to run "
            "jobs, endpoints and batches on Amazon SageMaker, from the same pages."
        )


def is_set_up() -> bool:
    return _account().is_set_up


def _account() -> accounts.Account:
    try:
        return accounts.load()
    except NotFound:
        return accounts.Account()
