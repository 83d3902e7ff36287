"""The form that starts an endpoint."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import backends, jobs, settings, specs
from core.errors import UserError
from core.models import Model
from ui import links, messages, model_list


def show(models: Sequence[Model]) -> None:
    """Which model, under which name; goes to the endpoint's page at once."""
    if not models:
        st.info("There is no model to serve yet. Train one first.", icon=":material/model_training:")
        links.button("Train a model", "train", key="dp_train", icon=":material/model_training:", kind="primary")
        return
    by_id = {model.id: model for model in models}
    asked = links.parameter("model")
    ids = list(by_id)
    with st.container(border=True):
        left, right = st.columns([3, 2])
        chosen = left.selectbox(
            "Model",
            ids,
            index=ids.index(asked) if asked in ids else 0,
            format_func=lambda i: model_list.title(by_id[i]),
            key=f"dp_model_{asked}",
        )
        name = right.text_input("Name", key="dp_name", placeholder=by_id[chosen].name, max_chars=settings.MAX_NAME_LENGTH)
        st.caption("It runs on this workstation, on 127.0.0.1 only, and stays up when this page or the app is closed.")
        # The id is made with the form and not with the click: two clicks are one endpoint.
        st.session_state.setdefault("dp_id", jobs.new_id("endpoint"))
        if st.button("Start the endpoint", type="primary", key="dp_start", icon=":material/rocket_launch:"):
            _start(chosen, name or by_id[chosen].name)


def _start(model_id: str, name: str) -> None:
    try:
        endpoint = backends.LOCAL.deploy(specs.EndpointSpec(name=name, model_id=model_id, id=st.session_state["dp_id"]))
    except UserError as error:
        messages.beside(messages.as_fields(error), error.field)
        return
    st.session_state["dp_id"] = jobs.new_id("endpoint")
    links.to("deploy", endpoint=endpoint.id)
