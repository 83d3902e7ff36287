"""Taking an endpoint that exists already into the list: one of ours from another machine, or one
that somebody else made."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import backends
from core.backends.sagemaker.inventory import kept as running
from core.errors import FieldmarkError, UserError
from core.jobs import specs
from core.jobs import store as jobs
from core.models.store import Model
from ui import choices, links, messages
from ui.aws.banner import is_set_up
from ui.models import list as model_list
from ui.shared import own_option
from ui.text import plain

UNKNOWN = ""


def show(models: Sequence[Model]) -> None:
    """Which endpoint, and which model it serves, for class names and photos; nothing where no
    account is set up."""
    if not is_set_up():
        return
    with st.expander("Use an endpoint that is there already", icon=":material/link:"):
        by_id = {model.id: model for model in models}
        left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
        name = own_option.maybe(
            "Endpoint in the account",
            _names(),
            own="Another endpoint...",
            field="Its name",
            key="dp_attach_name",
            on=left,
        )
        model_id = choices.one(
            "The model that it serves",
            [UNKNOWN, *by_id],
            label=lambda i: model_list.in_a_line(by_id[i]) if i else "one that is not here",
            key="dp_attach_model",
            on=middle,
        )
        st.session_state.setdefault("dp_attach_id", jobs.new_id("endpoint"))
        if (
            right.button("Use it", key="dp_attach", icon=":material/link:", disabled=not name)
            and name
        ):
            _attach(str(name), str(model_id or ""))
        st.caption(
            "It is asked about photos like any other, and never changed or deleted from here. It "
            "has to answer as Fieldmark's models do."
        )


def _names() -> list[str]:
    """Those that were seen last and are not in the list."""
    found = running.kept()
    here = {job.spec.get("attached") or job.id for job in jobs.readable("endpoint")}
    listed = found.resources if found else ()
    return [
        resource.name
        for resource in listed
        if resource.kind == "endpoint" and resource.name not in here
    ]


def _attach(name: str, model_id: str) -> None:
    try:
        spec = specs.EndpointSpec(
            name=name, model_id=model_id, attached=name, id=st.session_state["dp_attach_id"]
        )
        endpoint = backends.SAGEMAKER.deploy(spec)
    except UserError as error:
        messages.beside(messages.as_fields(error), error.field)
        return
    except FieldmarkError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.session_state["dp_attach_id"] = jobs.new_id("endpoint")
    links.to("deploy", endpoint=endpoint.id)
