"""What the address of a page names, and how widgets follow it."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.patience import PATIENCE


def viewing() -> None:
    """A page with two views, and a list in one of them that the address names."""
    from ui import choices

    view = choices.view("View", ["First", "Second"], key="view", keep=("id",))
    if view == "First":
        choices.pill("List", ["a", "b"], key="list", parameter="shown", start="a")


def test_another_view_drops_what_the_last_one_had_in_the_address() -> None:
    app = AppTest.from_function(viewing, default_timeout=PATIENCE)
    app.query_params.update({"id": "1", "lasso": "1,2", "shown": "b"})
    app.run()
    assert app.button_group(key="list").value == "b"
    app.button_group(key="view").set_value("Second").run()
    assert not app.exception
    assert set(app.query_params) == {"id", "view"}


def test_the_address_names_the_list_and_the_list_follows_the_address() -> None:
    app = AppTest.from_function(viewing, default_timeout=PATIENCE).run()
    assert app.query_params["shown"] == "a"
    app.button_group(key="list").set_value("b").run()
    assert app.query_params["shown"] == "b"
    app.query_params["shown"] = "a"
    app.run()
    assert app.button_group(key="list").value == "a"
