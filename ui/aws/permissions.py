"""The IAM policies, filled in with the account's names, ready to copy."""

from __future__ import annotations

import streamlit as st

from core.aws import account as accounts
from core.aws.iam import policy
from ui import choices

FIRST = "User"
ABOUT_FIRST = (
    "For the user or role that runs Fieldmark. It can only start and stop resources whose names "
    f"begin with fm-. To import photos from S3, replace `{policy.PHOTOS}` with their bucket; "
    "otherwise delete those two statements."
)


def show() -> None:
    """Draw the three policies. They are minimal: a test compares them with the calls in the
    code."""
    account = accounts.load()
    documents = {
        FIRST: (ABOUT_FIRST, policy.person(account)),
        "Role": (
            "For the role that jobs and endpoints run as: read and write below the prefix, log.",
            policy.role(account),
        ),
        "Trust": (
            "The role's trust policy. Allows SageMaker to assume the role.",
            policy.trust(account),
        ),
    }
    chosen = choices.segment(
        "Policy", list(documents), key="aws_policy", label_visibility="collapsed"
    )
    words, document = documents[chosen]
    st.markdown(words)
    if not account.is_set_up:
        st.caption("Placeholders in <angle brackets> are filled in once the account is set up.")
    text = policy.as_text(document)
    st.download_button(
        "Download",
        text,
        f"fieldmark-{chosen.lower()}-policy.json",
        "application/json",
        icon=":material/download:",
    )
    st.code(text, language="json", height=480)
