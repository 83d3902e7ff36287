"""The form of an endpoint on SageMaker: what it offers first, and what it says about limits."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.aws import quotas
from core.backends.sagemaker.endpoints import serving_image


def _page() -> None:
    import streamlit as st

    from ui.shared import serving_form

    st.session_state["chosen"] = serving_form.endpoint("x")


def test_the_first_offer_is_one_that_new_accounts_accept() -> None:
    app = AppTest.from_function(_page, default_timeout=30).run()
    assert not app.exception
    chosen = app.session_state["chosen"]
    assert chosen.memory_mb <= quotas.NEW_ACCOUNTS[quotas.SERVERLESS_MEMORY]
    assert chosen.concurrency <= quotas.NEW_ACCOUNTS[quotas.SERVERLESS_CONCURRENCY]


@pytest.mark.parametrize("server", list(serving_image.SERVERS))
def test_the_limits_of_new_accounts_stand_below_the_memory(server: str) -> None:
    app = AppTest.from_function(_page, default_timeout=30)
    app.session_state["x_server"] = server
    said = [caption.value for caption in app.run().caption]
    assert any("New AWS accounts allow 3 GB for a serverless endpoint" in words for words in said)
