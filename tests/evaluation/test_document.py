"""A document in its two forms; whatever a text holds is shown as text."""

from __future__ import annotations

import html.parser
import re

import pytest

from core.models import document

BLOCKS = """
{{ heading("Title", level=1) }}
{% call paragraph() %}
One sentence.
{% endcall %}
{% call bullets() %}
{% for text in ("first", "second") %}
{% call item() %}{{ text }}{% endcall %}
{% endfor %}
{% endcall %}

{{ table(("Class", "n"), (("Cardinal", "3"), ("Crow", "4"))) }}
"""
EVERYWHERE = """
{{ heading(text) }}
{% call paragraph() %}{{ text }}{% endcall %}
{% call bullets() %}{% call item() %}{{ text }}{% endcall %}{% endcall %}
{{ table((text,), ((text,),)) }}
"""
PARAGRAPH = "{% call paragraph() %}{{ text }}{% endcall %}"


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.closed.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    return tags


def test_markdown() -> None:
    assert document.markdown(BLOCKS, {}) == (
        "# Title\n\nOne sentence.\n\n- first\n- second\n\n| Class | n |\n| --- | --- |\n| Cardinal | 3 |\n| Crow | 4 |\n"
    )


def test_html_is_one_whole_page_that_loads_nothing() -> None:
    page = document.html(BLOCKS, {}, "A card")
    tags = parsed(page)
    assert page.startswith("<!doctype html>")
    assert sorted(tag for tag in tags.opened if tag != "meta") == sorted(tags.closed)
    assert "<title>A card</title>" in page
    assert "<th>Class</th><th>n</th>" in page
    assert "<td>Cardinal</td><td>3</td>" in page
    assert not re.search(r"https?://|src=|href=|<script|@import|url\(", page)


NASTY = [
    "<script>alert(1)</script>",
    ":red[x]",
    "![](http://evil.example/x.png)",
    "a|b",
    "`x`",
    "**x**",
    "$x$",
    "a\nb",
    "# x",
    "- x",
    "1. x",
    "{{ 7 * 7 }}",
]


@pytest.mark.parametrize("text", NASTY)
def test_fault_12_markup_in_a_name_is_shown_as_text(text: str) -> None:
    tags = parsed(document.html(EVERYWHERE, {"text": text}, text))
    assert set(tags.opened) <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h2",
        "p",
        "ul",
        "li",
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert tags.text.count(" ".join(text.split())) == 6
    lines = document.markdown(EVERYWHERE, {"text": text}).splitlines()
    assert len(lines) == 9
    assert [lines[0][:3], lines[4][:2], lines[6], lines[7]] == ["## ", "- ", lines[6], "| --- |"]
    assert not re.search(r"(?<!\\)[<\[`*$]|:(?<!\\:)[a-z/]", "".join(lines))
    assert all(len(re.findall(r"(?<!\\)\|", lines[place])) == 2 for place in (6, 8))
    assert not re.match(r"[-#]|\d+\.", lines[2])


def test_unseen_characters_do_not_reach_the_page() -> None:
    assert document.markdown(PARAGRAPH, {"text": "a\u202eb\x00c\r\nd"}) == "a b c d\n"
    assert document.markdown(PARAGRAPH, {"text": "क्\u200dष"}) == "क्\u200dष\n"


def test_bare_addresses_do_not_become_links() -> None:
    assert (
        document.markdown(PARAGRAPH, {"text": "http://x.org www.x.org a@x.org"})
        == "http\\://x.org www\\.x.org a\\@x.org\n"
    )
