"""The table of jobs and models: filters, what is selected, and what a click opens."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from ui.shared.runs_table import Run


def _page() -> None:
    import streamlit as st

    from ui.shared import runs_table
    from ui.shared.runs_table import Run, Table

    config = st.column_config
    names = st.session_state.get("names", ["Alder", "Birch", "Birch"])
    runs_table.show(
        [
            Run(
                f"id{place}",
                {"state": ["Running" if place == 0 else "Failed"], "name": name, "note": ""},
                {"State": ["Running" if place == 0 else "Failed"]},
            )
            for place, name in enumerate(names)
        ],
        Table(
            "t",
            {
                "state": config.MultiselectColumn("State"),
                "name": config.TextColumn("Name"),
                "note": config.TextColumn("Note"),
            },
            ("State",),
            "job",
        ),
        lambda run_id: st.session_state.update(opened=run_id),
        lambda chosen: st.session_state.update(selected=chosen),
    )


def drawn(**state: object) -> AppTest:
    app = AppTest.from_function(_page, default_timeout=30)
    for name, value in state.items():
        app.session_state[name] = value
    app.run()
    assert not app.exception
    return app


def names(app: AppTest) -> list[str]:
    return [] if not app.dataframe else list(app.dataframe[0].value["name"])


def test_a_column_without_values_is_left_out() -> None:
    assert list(drawn().dataframe[0].value.columns) == ["state", "name"]


def test_the_search_finds_every_word_in_any_cell() -> None:
    app = drawn()
    app.text_input(key="t_find").set_value("birch failed").run()
    assert names(app) == ["Birch", "Birch"]
    app.text_input(key="t_find").set_value("oak").run()
    assert names(app) == []
    assert "No job matches the filters." in app.caption[0].value


def test_a_filter_narrows_the_table() -> None:
    app = drawn()
    app.selectbox(key="t_state").set_value("Running").run()
    assert names(app) == ["Alder"]


def test_a_selection_is_kept_by_id_while_rows_move_and_are_filtered() -> None:
    app = drawn(**{"t.chosen": ["id1", "gone"]})
    assert app.session_state["selected"] == ["id1"]
    app.text_input(key="t_find").set_value("alder").run()
    assert app.session_state["selected"] == [], "what is not shown is not acted on"
    app.text_input(key="t_find").set_value("").run()
    assert app.session_state["selected"] == ["id1"]


def test_a_click_opens_its_row_once() -> None:
    app = drawn(**{"t.opened": "id2"})
    assert app.session_state["opened"] == "id2"
    del app.session_state["opened"]
    app.run()
    assert "opened" not in app.session_state


def test_a_text_is_found_whatever_its_case() -> None:
    run = Run("x", {"name": "Two Layers", "tags": ["Crows"]})
    assert run.has_text("LAYERS crow")
    assert not run.has_text("layers fast")
