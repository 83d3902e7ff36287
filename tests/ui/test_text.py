"""Words for people: foreign text stays letters, and only what stands between backticks becomes code."""

from __future__ import annotations

import pytest

from ui.text import plain, with_code


@pytest.mark.parametrize("text", ["<script>", ":red[x]", "![](http://a)", "a_b*c", "$(id)", "a\nb"])
def test_fault_12_foreign_text_is_escaped(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    assert shown.replace("\\", "") == text.replace("\n", " ")
    assert all(
        shown[place - 1] == "\\" for place, letter in enumerate(shown) if letter in "<>[]*_$!"
    )


def test_commands_are_shown_as_code_and_the_rest_as_letters() -> None:
    assert with_code("run `aws configure sso` or <b>") == r"run `aws configure sso` or \<b\>"
    assert with_code("no code_here") == r"no code\_here"
