"""The app: `streamlit run app.py`. Serves ui/router.py and, beside it, the thumbnails as ordinary cached pictures."""

from pathlib import Path

import streamlit as st

from ui.routes import ROUTES, lifespan

app = st.App(Path(__file__).parent / "ui" / "router.py", routes=ROUTES, lifespan=lifespan)
