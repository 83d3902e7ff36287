"""The CloudFormation template that creates role, bucket and policies: download and commands."""

from __future__ import annotations

import streamlit as st

from core.aws import account as accounts
from core.aws.iam import policy, template


def show() -> None:
    """Draw the template's download and the commands to create its stack; AWS is not asked."""
    account = accounts.load()
    with st.expander("Create role, bucket and policies with CloudFormation"):
        st.markdown(
            "The template creates the bucket (encrypted, not public), the role for jobs and "
            "endpoints, and the policy for users. Download it, then run the commands in the same "
            "folder, or upload it in the CloudFormation console. Enter the outputs above, and "
            "attach the policy to your user or role."
        )
        st.download_button(
            "Download template",
            policy.as_text(template.document(account)),
            template.FILE_NAME,
            "application/json",
            key="aws_template",
            icon=":material/download:",
        )
        st.code(template.command(account.region), language="bash", wrap_lines=True)
        st.caption(
            f"Interrupted uploads are removed after {template.UPLOAD_DAYS} days. Deleting the "
            "stack keeps the bucket."
        )
