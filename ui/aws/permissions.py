"""The IAM policies, with the account's own names in them, ready to be copied."""

from __future__ import annotations

import streamlit as st

from core.aws import account as accounts
from core.aws import policy
from ui import choices

FIRST = "For whoever runs Fieldmark"
ABOUT_FIRST = (
    "Your own user or role. It may start and end only what bears a name of Fieldmark's. To import "
    f"photos from S3, put the name of their bucket in place of `{policy.PHOTOS}`; otherwise leave "
    "those two statements out."
)


def show() -> None:
    """Who needs what, and no more than that; a test compares it with the calls that the code
    makes."""
    account = accounts.load()
    documents = {
        FIRST: (ABOUT_FIRST, policy.person(account)),
        "For the role": (
            "What jobs and endpoints may do: read and write below the prefix, and log.",
            policy.role(account),
        ),
        "The role's trust policy": ("Lets SageMaker take the role on.", policy.trust(account)),
    }
    chosen = choices.segment(
        "Policy", list(documents), key="aws_policy", label_visibility="collapsed"
    )
    words, document = documents[chosen]
    st.markdown(words)
    if not account.is_set_up:
        st.caption("Names in <angle brackets> are filled in once the account is set up.")
    text = policy.as_text(document)
    st.download_button(
        "Download",
        text,
        f"fieldmark-{chosen.split()[-1].lower()}.json",
        "application/json",
        icon=":material/download:",
    )
    st.code(text, language="json", height=480)
