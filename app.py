"""The app: `streamlit run app.py`. Serves ui/router.py and, beside it, the thumbnails as ordinary cached pictures."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from ui import login
from ui.gate import Gate
from ui.routes import ROUTES, lifespan

login.check_at_start()
app = st.App(
    Path(__file__).parent / "ui" / "router.py",
    routes=ROUTES,
    lifespan=lifespan,
    middleware=[Middleware(Gate)],
)
