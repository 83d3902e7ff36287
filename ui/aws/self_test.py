"""The self-test of the way between browser and app, for proxies such as SageMaker Studio's: what
they change, and what helps."""

from __future__ import annotations

import hashlib
import os

import streamlit as st

from core.aws import account as accounts
from core.io import files

# The websocket library refuses a longer line of headers unless it is told otherwise; SageMaker's
# own cookies are large.
LINE_LIMIT, LIMIT_VARIABLE = 8192, "WEBSOCKETS_MAX_LINE_LENGTH"
XSRF = "_streamlit_xsrf"


def show() -> None:
    """What this very page's connection says, and an upload to try."""
    st.markdown(
        "For use behind a proxy, such as Jupyter's in SageMaker Studio. This page itself came "
        "through, so pages and clicks work."
    )
    _cookies()
    _origin()
    _upload()
    st.caption(
        f"Inside SageMaker Studio: {'yes' if accounts.in_studio() else 'no'}. There, `make "
        "studio` starts the app with the right settings."
    )


def _cookies() -> None:
    size = max(
        (
            len(value)
            for name, value in st.context.headers.to_dict().items()
            if name.lower() == "cookie"
        ),
        default=0,
    )
    limit = int(os.environ.get(LIMIT_VARIABLE) or LINE_LIMIT)
    words = (
        f"Cookies take {files.human_bytes(size)} of the {files.human_bytes(limit)} that one line "
        "of headers may have."
    )
    if size > 0.8 * limit:
        _line(
            "red",
            "cancel",
            (
                f"{words} A little more, and the page stays blank. Set {LIMIT_VARIABLE}=65536 "
                "before the app starts."
            ),
        )
    else:
        _line("green", "check_circle", words)
    if st.get_option("server.enableXsrfProtection") and XSRF not in st.context.cookies:
        _line(
            "orange",
            "help",
            (
                "The proxy drops Streamlit's own cookie, so uploads will be refused. `make "
                "studio` starts without it."
            ),
        )


def _origin() -> None:
    headers = {name.lower(): value for name, value in st.context.headers.to_dict().items()}
    origin, host = headers.get("origin", ""), headers.get("host", "")
    same = not origin or origin.split("://")[-1] == host
    words = f"The browser says it is at `{origin or 'nothing'}`, the proxy that this is `{host}`."
    if same:
        _line("green", "check_circle", words)
    else:
        _line("orange", "help", words)


def _upload() -> None:
    upload = st.file_uploader("Try an upload", key="aws_upload", max_upload_size=64)
    if upload is None:
        st.caption("Any file: it is read once, measured, and not kept.")
        return
    data = upload.getvalue()
    _line(
        "green",
        "check_circle",
        f"{files.human_bytes(len(data))} came, SHA-256 {hashlib.sha256(data).hexdigest()[:16]}.",
    )


def _line(colour: str, icon: str, words: str) -> None:
    st.markdown(f":{colour}[:material/{icon}:] {words}")
