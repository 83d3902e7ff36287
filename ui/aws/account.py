"""The form for the AWS account: region, role, bucket, network and encryption."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from core.aws import account as accounts
from core.aws.account import Account
from core.errors import NotFound, UserError
from ui import messages
from ui.notices import answers
from ui.text import plain

# Form values by the name of the account's field.
Values = dict[str, str | bool]
ERRORS = "aws_account_errors"
# The account as the form was filled with it; only what differs from it is saved.
FILLED = "aws_account_filled"


def show() -> None:
    """Draw the form with the saved account; AWS is not asked."""
    account = _saved()
    st.header("Account")
    st.caption(
        "Fieldmark uses this machine's AWS credentials (a profile, environment variables, or the "
        "machine's role). It never asks for, shows or stores them."
    )
    errors: dict[str, str] = st.session_state.get(ERRORS, {})
    st.session_state.setdefault(FILLED, account)
    with st.form("aws_account_form"):
        values = _essentials(account, errors) | _network_and_images(account, errors)
        saved = st.form_submit_button("Save", type="primary", icon=":material/save:")
    _suggest(account)
    if saved:
        _save(st.session_state[FILLED], values)


def _essentials(account: Account, errors: dict[str, str]) -> Values:
    left, right = st.columns(2)
    with left:
        region = _text(
            "Region",
            "region",
            account.region,
            errors,
            "eu-central-1",
            "Where jobs run. The bucket must be in the same region.",
        )
        role = _text(
            "Role",
            "role_arn",
            account.role_arn,
            errors,
            "arn:aws:iam::123456789012:role/FieldmarkSageMaker",
            (
                "The IAM role that jobs and endpoints run as. The policies that it needs are under "
                "Permissions."
            ),
        )
    with right:
        bucket = _text(
            "Bucket",
            "bucket",
            account.bucket,
            errors,
            "my-photos",
            "The S3 bucket for photos, code and models.",
        )
        prefix = _text(
            "Prefix",
            "prefix",
            account.prefix,
            errors,
            accounts.PREFIX,
            "Fieldmark stores all its objects below this prefix and touches no others.",
        )
    return {"region": region, "role_arn": role, "bucket": bucket, "prefix": prefix}


def _network_and_images(account: Account, errors: dict[str, str]) -> Values:
    with st.expander("Network, encryption and custom images"):
        left, right = st.columns(2)
        with left:
            subnets = _text(
                "VPC subnets",
                "subnets",
                ", ".join(account.subnets),
                errors,
                "subnet-0abc..., subnet-0def...",
            )
            key = _text(
                "KMS key",
                "kms_key",
                account.kms_key,
                errors,
                "arn:aws:kms:...",
                "Encrypts objects, disks and stored photos.",
            )
            training = _text(
                "Custom training image",
                "training_image",
                account.training_image,
                errors,
                "",
                "Replaces AWS's image.",
            )
        with right:
            groups = _text(
                "Security groups",
                "security_groups",
                ", ".join(account.security_groups),
                errors,
                "sg-0abc...",
            )
            isolated, pip = _network(account, errors)
            serving = _text(
                "Custom serving image",
                "inference_image",
                account.inference_image,
                errors,
                "",
                "Replaces AWS's images. docs/serving_image/README.md shows how to build one.",
            )
    return {
        "subnets": subnets,
        "security_groups": groups,
        "kms_key": key,
        "network_isolation": isolated,
        "allow_pip": pip,
        "training_image": training,
        "inference_image": serving,
    }


def _network(account: Account, errors: dict[str, str]) -> tuple[bool, bool]:
    """Draw both toggles; return whether containers are isolated, and whether pip is allowed."""
    isolated = st.toggle(
        "Network isolation",
        account.network_isolation,
        key="aws_network_isolation",
        help="Containers have no network access.",
    )
    pip = st.toggle(
        "Allow pip in training jobs",
        account.allow_pip,
        key="aws_allow_pip",
        help=(
            "Training jobs install OpenVINO, which makes them several times faster on a CPU. Needs "
            "internet access."
        ),
    )
    messages.beside(errors, "allow_pip")
    return isolated, pip


def _text(
    label: str,
    name: str,
    value: str,
    errors: dict[str, str],
    example: str,
    words: str | None = None,
) -> str:
    typed = st.text_input(label, value, key=f"aws_{name}", placeholder=example, help=words)
    messages.beside(errors, name)
    return typed


def _save(filled: Account, values: Values) -> None:
    account = accounts.from_form(values)
    if problems := accounts.problems(account):
        st.session_state[ERRORS] = problems
        st.rerun()
    try:
        accounts.change(filled, account)
        st.session_state.pop(ERRORS, None)
        st.session_state.pop(FILLED, None)
        st.toast("Account saved.", icon=":material/check:")
    except UserError as error:
        st.session_state[ERRORS] = messages.as_fields(error)
    st.rerun()


def _suggest(account: Account) -> None:
    """Draw the button that fills in what the SageMaker SDK knows; that takes seconds."""
    if account.is_set_up:
        return
    label = "Fill in what this machine knows"
    if accounts.in_studio():
        label = "Use Studio's role and bucket"
    asked = st.button(
        label,
        key="aws_suggest",
        icon=":material/auto_fix_high:",
        help="Asks the SageMaker SDK for the region, role and default bucket, and for the network "
        "and key in its defaults file (config.yaml). Nothing is created.",
    )
    if not asked:
        return
    with st.spinner("Asking the SageMaker SDK"), messages.report_errors():
        found, unknown = accounts.suggested(account)
        accounts.save(found)
        for reason in unknown:
            answers.tell(reason, icon=":material/info:")
        st.session_state.pop(FILLED, None)
        for name in asdict(found):
            st.session_state.pop(f"aws_{name}", None)
        st.rerun()


def _saved() -> Account:
    try:
        return accounts.load()
    except NotFound as error:
        st.error(plain(str(error)), icon=":material/error:")
        return Account()
