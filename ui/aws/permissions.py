"""The IAM policies, filled in with the account's names, ready to copy."""

from __future__ import annotations

import streamlit as st

from core.aws import account as accounts
from core.aws.account import Account
from core.aws.iam import account_template, policy
from ui import choices

TEMPLATE, FIRST = "All in one", "User"
ABOUT_FIRST = (
    "For the user or role that runs Fieldmark. It can only start and stop resources whose names "
    f"begin with fm-. To import photos from S3, replace `{policy.PHOTOS}` with their bucket; "
    "otherwise delete those two statements."
)


def show() -> None:
    """Draw a template that makes everything, and the three policies. They are minimal: a test
    compares them with the calls in the code."""
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
        "Policy", [TEMPLATE, *documents], key="aws_policy", label_visibility="collapsed"
    )
    if chosen == TEMPLATE:
        _template(account)
        return
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


def _template(account: Account) -> None:
    """Draw the template of bucket, role and policy, and what to do with it."""
    st.markdown(
        "One CloudFormation template makes a private bucket, the role of the jobs, and the policy "
        "of who runs Fieldmark. Someone who may create roles downloads it and runs these commands, "
        "or uploads it in the [CloudFormation console]"
        f"(https://console.aws.amazon.com/cloudformation/home?region={account.region}#/stacks/create)."
    )
    st.download_button(
        "Download",
        account_template.as_text(),
        account_template.FILE,
        "application/json",
        key="aws_template",
        icon=":material/download:",
    )
    st.code(account_template.command(account.region), language="bash")
    st.markdown(
        "Then enter the outputs *Region*, *RoleArn* and *BucketName* under Account, and attach the "
        "policy *PersonPolicyArn* to your user or role. Deleting the stack keeps the bucket. "
        f"Cached features are removed after {account_template.FEATURES_DAYS} days; jobs make them "
        "again."
    )
    with st.expander("The template", icon=":material/code:"):
        st.code(account_template.as_text(), language="json", height=480)
