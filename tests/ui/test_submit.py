"""The button that starts a job: two clicks are one, and what is refused is said and can be tried again."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from core.errors import BackendError, UserError


def _page() -> None:
    import streamlit as st

    from ui.shared import submit

    def start(job_id: str) -> str:
        st.session_state.setdefault("asked", []).append(job_id)
        if refusal := st.session_state.get("refusal"):
            raise refusal
        return job_id

    def go(made: str) -> None:
        st.session_state["made"] = made

    submit.button("Go", start, go, form="tried", kind="training", key="go", icon=":material/check:")


def shown() -> AppTest:
    return AppTest.from_function(_page, default_timeout=30).run()


def test_what_is_refused_is_said_and_keeps_its_id() -> None:
    app = shown()
    app.session_state["refusal"] = UserError("Not that one.", field="name")
    app.button(key="go").click().run()
    assert "Not that one" in app.caption[0].value
    app.session_state["refusal"] = BackendError("The platform is away.")
    app.button(key="go").click().run()
    assert "platform is away" in app.error[0].value
    app.session_state["refusal"] = None
    app.button(key="go").click().run()
    first, second, third = app.session_state["asked"]
    assert first == second == third == app.session_state["made"]


def test_the_next_job_has_another_id() -> None:
    app = shown()
    app.button(key="go").click().run()
    app.button(key="go").click().run()
    first, second = app.session_state["asked"]
    assert first != second


def test_a_page_that_was_drawn_again_before_the_click_keeps_the_id() -> None:
    app = shown()
    before = app.session_state["tried_id"]
    app.run()
    assert app.session_state["tried_id"] == before
