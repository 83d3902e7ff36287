"""Attaching an existing endpoint of the account: one that Fieldmark created on another machine, or
one that it did not create."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import backends
from core.backends.sagemaker.inventory import kept as running
from core.jobs import specs
from core.jobs import store as jobs
from core.models.store import Model
from ui import choices, links, own_option
from ui.aws.banner import is_set_up
from ui.models import list as model_list
from ui.shared import submit

UNKNOWN = ""


def show(models: Sequence[Model]) -> None:
    """Draw the choice of an endpoint and of the model that it serves, for class names and photos;
    nothing without an account."""
    if not is_set_up():
        return
    with st.expander("Attach an existing endpoint", icon=":material/link:"):
        by_id = {model.id: model for model in models}
        left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
        name = own_option.maybe(
            "Endpoint in the account",
            _names(),
            own="Other endpoint...",
            field="Endpoint name",
            key="dp_attach_name",
            on=left,
        )
        model_id = choices.one(
            "Model that it serves",
            [UNKNOWN, *by_id],
            label=lambda i: model_list.in_a_line(by_id[i]) if i else "unknown model",
            key="dp_attach_model",
            on=middle,
        )
        attached = str(name or "")
        submit.button(
            "Attach",
            lambda job_id: backends.SAGEMAKER.deploy(
                specs.EndpointSpec(attached, str(model_id), attached=attached, id=job_id)
            ),
            lambda endpoint: links.to("deploy", endpoint=endpoint.id),
            form="dp_attach",
            kind="endpoint",
            key="dp_attach",
            icon=":material/link:",
            type="secondary",
            disabled=not attached,
            on=right,
        )
        st.caption(
            "Fieldmark sends it photos but never changes or deletes it. Its answers must have the "
            "format of Fieldmark's models."
        )


def _names() -> list[str]:
    """Return the account's endpoints, as last seen, that are not in the list."""
    found = running.kept()
    here = {job.spec.get("attached") or job.id for job in jobs.readable("endpoint")}
    if not found:
        return []
    return [
        resource.name
        for resource in found.resources
        if resource.kind == "endpoint" and resource.name not in here
    ]
