"""Taking an endpoint that exists already into the list: one of ours from another machine, or one
that somebody else made."""

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
        attached = str(name or "")
        submit.button(
            "Use it",
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
            "It is asked about photos like any other, and never changed or deleted from here. It "
            "has to answer as Fieldmark's models do."
        )


def _names() -> list[str]:
    """Those that were seen last and are not in the list."""
    found = running.kept()
    here = {job.spec.get("attached") or job.id for job in jobs.readable("endpoint")}
    if not found:
        return []
    return [
        resource.name
        for resource in found.resources
        if resource.kind == "endpoint" and resource.name not in here
    ]
