"""The app: `streamlit run app.py`. Serves ui/shell/router.py and the HTTP routes beside it."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from ui.shell import login, operators
from ui.shell.gate import Gate
from ui.shell.routes import ROUTES, lifespan

operators.begin_log()
login.check_at_start()
app = st.App(
    Path(__file__).parent / "ui" / "shell" / "router.py",
    routes=ROUTES,
    lifespan=lifespan,
    middleware=[Middleware(Gate)],
)
