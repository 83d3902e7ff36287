"""What pages say beside their content: what an action did, with Undo, and titles of tabs."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from ui.notices import answers

SECONDS = 60


def acting() -> None:
    """A page with a button whose action ends in a rerun."""
    import streamlit as st

    from ui.notices import answers

    answers.show()
    if st.button("Save"):
        answers.tell("Saved")
        st.rerun()
    if st.button("Save without a rerun"):
        answers.tell("Saved as well")
    answers.flush()


def undoing() -> None:
    """A page on which a thing was deleted."""
    import streamlit as st

    from core.errors import UserError
    from ui.components import answer_bar
    from ui.notices import answers

    def undo() -> None:
        if st.session_state.get("refuses"):
            raise UserError("It is not in the bin any more.")
        st.session_state["is_restored"] = True
        answers.tell("Restored")

    pressed = st.session_state.pop("presses", False)
    answer_bar.show = lambda answer_id, *_, **__: bool(answer_id) and pressed
    answers.show()
    if st.button("Delete"):
        answers.tell("Deleted", act=undo)
        st.rerun()
    answers.flush()


@pytest.mark.parametrize(
    ("button", "words"), [("Save", "Saved"), ("Save without a rerun", "Saved as well")]
)
def test_an_action_is_answered_on_the_page_that_follows_it(button: str, words: str) -> None:
    app = AppTest.from_function(acting, default_timeout=SECONDS).run()
    next(one for one in app.button if one.label == button).click().run()
    assert [toast.value for toast in app.toast] == [words]
    assert not app.run().toast


def test_undo_undoes_once_and_says_so() -> None:
    app = AppTest.from_function(undoing, default_timeout=SECONDS).run()
    app.button[0].click().run()
    assert not app.toast
    app.session_state["presses"] = True
    app.run()
    assert app.session_state["is_restored"]
    assert [toast.value for toast in app.toast] == ["Restored"]
    del app.session_state["is_restored"]
    app.session_state["presses"] = True
    app.run()
    assert "is_restored" not in app.session_state


def test_an_undo_that_comes_too_late_says_why() -> None:
    app = AppTest.from_function(undoing, default_timeout=SECONDS).run()
    app.button[0].click().run()
    app.session_state["refuses"] = app.session_state["presses"] = True
    app.run()
    (toast,) = app.toast
    assert "not in the bin any more" in toast.value
    assert toast.icon == answers.FAILED
