"""The self-test of the connection between browser and app, for proxies such as SageMaker
Studio's."""

from __future__ import annotations

import hashlib
import os

import streamlit as st

from core.aws import account as accounts
from core.io import files

# The websocket library rejects longer header lines unless this variable is set; SageMaker's
# cookies are large.
LINE_LIMIT, LIMIT_VARIABLE = 8192, "WEBSOCKETS_MAX_LINE_LENGTH"
XSRF = "_streamlit_xsrf"


def show() -> None:
    """Draw the checks of this page's connection, and a test upload."""
    st.markdown(
        "For use behind a proxy, such as Jupyter's in SageMaker Studio. This page has loaded, so "
        "pages and clicks work."
    )
    _cookies()
    _origin()
    _upload()
    st.caption(
        f"Inside SageMaker Studio: {'yes' if accounts.in_studio() else 'no'}. In Studio, start the "
        "app with `make studio`."
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
    words = f"Cookie header: {files.human_bytes(size)} of {files.human_bytes(limit)} allowed."
    if size > 0.8 * limit:
        _line(
            "red",
            "cancel",
            (
                f"{words} Beyond the limit the page stays blank. Set {LIMIT_VARIABLE}=65536 before "
                "you start the app."
            ),
        )
    else:
        _line("green", "check_circle", words)
    if st.get_option("server.enableXsrfProtection") and XSRF not in st.context.cookies:
        _line(
            "orange",
            "help",
            (
                "The proxy removes Streamlit's cookie, so uploads will fail. Start the app with "
                "`make studio`."
            ),
        )


def _origin() -> None:
    headers = {name.lower(): value for name, value in st.context.headers.to_dict().items()}
    origin, host = headers.get("origin", ""), headers.get("host", "")
    same = not origin or origin.split("://")[-1] == host
    words = f"Address seen by browser and proxy: `{origin or 'unknown'}`, `{host}`."
    if same:
        _line("green", "check_circle", words)
    else:
        _line("orange", "help", words)


def _upload() -> None:
    upload = st.file_uploader("Test upload", key="aws_upload", max_upload_size=64)
    if upload is None:
        st.caption("Any file. It is read once and not stored.")
        return
    data = upload.getvalue()
    _line(
        "green",
        "check_circle",
        f"Received {files.human_bytes(len(data))}, SHA-256 "
        f"{hashlib.sha256(data).hexdigest()[:16]}.",
    )


def _line(colour: str, icon: str, words: str) -> None:
    st.markdown(f":{colour}[:material/{icon}:] {words}")
