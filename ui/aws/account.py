"""The form with which an AWS account is set up: region, role, bucket, and how jobs are closed
in."""

from __future__ import annotations

import streamlit as st

from core.aws import account as accounts
from core.aws.account import Account
from core.errors import NotFound, UserError
from ui import messages
from ui.text import plain

# What was typed, by the name of the account's field.
Values = dict[str, str | bool]
KEPT = "aws_account_errors"
# What the form began with: only what differs from it was changed here.
SHOWN = "aws_account_shown"


def show() -> None:
    """The form, filled with what is saved; nothing is asked of AWS here."""
    account = _saved()
    st.header("Account")
    st.caption(
        "Credentials come from this machine's own AWS set-up (a profile, the environment, or the "
        "role of the machine). They are never asked for, shown or kept here."
    )
    errors: dict[str, str] = st.session_state.get(KEPT, {})
    st.session_state.setdefault(SHOWN, account)
    with st.form("aws_account_form"):
        values = _essentials(account, errors) | _closed_in(account, errors)
        saved = st.form_submit_button("Save", type="primary", icon=":material/save:")
    if account.is_set_up or accounts.in_studio():
        _suggest(account)
    if saved:
        _save(st.session_state[SHOWN], values)


def _essentials(account: Account, errors: dict[str, str]) -> Values:
    left, right = st.columns(2)
    with left:
        region = _text(
            "Region",
            "region",
            account.region,
            errors,
            "eu-central-1",
            "Where jobs run. The bucket has to be in the same one.",
        )
        role = _text(
            "Role",
            "role_arn",
            account.role_arn,
            errors,
            "arn:aws:iam::123456789012:role/FieldmarkSageMaker",
            (
                "The role that jobs and endpoints run as. The view Permissions has the policies "
                "that it needs."
            ),
        )
    with right:
        bucket = _text(
            "Bucket",
            "bucket",
            account.bucket,
            errors,
            "my-photos",
            "Photos, code and models are exchanged through it.",
        )
        prefix = _text(
            "Prefix",
            "prefix",
            account.prefix,
            errors,
            accounts.PREFIX,
            "Everything is kept below it, and nothing else touched.",
        )
    return {"region": region, "role_arn": role, "bucket": bucket, "prefix": prefix}


def _closed_in(account: Account, errors: dict[str, str]) -> Values:
    with st.expander("Network, encryption and own images"):
        left, right = st.columns(2)
        with left:
            subnets = _text(
                "Subnets of a VPC",
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
                "Encrypts objects, disks and kept photos.",
            )
            training = _text(
                "Own training image",
                "training_image",
                account.training_image,
                errors,
                "",
                "In place of AWS's.",
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
                "Own serving image",
                "inference_image",
                account.inference_image,
                errors,
                "",
                "In place of AWS's.",
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
    """Whether containers get no network, and whether training jobs may install by pip."""
    isolated = st.toggle(
        "Network isolation",
        account.network_isolation,
        key="aws_network_isolation",
        help="Containers get no network at all.",
    )
    pip = st.toggle(
        "Allow pip in training jobs",
        account.allow_pip,
        key="aws_allow_pip",
        help=(
            "They then install OpenVINO, which trains several times quicker on a CPU. "
            "It needs the internet."
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


def _save(shown: Account, values: Values) -> None:
    try:
        accounts.change(shown, accounts.check_form(values))
        st.session_state.pop(KEPT, None)
        st.session_state.pop(SHOWN, None)
        st.toast("Saved.", icon=":material/check:")
    except UserError as error:
        st.session_state[KEPT] = messages.as_fields(error)
    st.rerun()


def _suggest(account: Account) -> None:
    """Inside Studio: its own role and bucket, asked for only when the button is pressed, for
    that takes seconds."""
    if not accounts.in_studio() or account.is_set_up:
        return
    if st.button(
        "Take over Studio's role and bucket", key="aws_suggest", icon=":material/auto_fix_high:"
    ):
        with st.spinner("Asking Studio"), messages.report_errors():
            accounts.save(accounts.suggested())
            st.session_state.pop(SHOWN, None)
            for name in ("region", "role_arn", "bucket"):
                st.session_state.pop(f"aws_{name}", None)
            st.rerun()


def _saved() -> Account:
    try:
        return accounts.load()
    except NotFound as error:
        st.error(plain(str(error)), icon=":material/error:")
        return Account()
