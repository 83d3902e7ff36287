"""Renders a template as Markdown or as one HTML file, with every value escaped.

A template builds its blocks with `heading`, `paragraph`, `bullets` with an `item` each, and
`table`. Each block escapes its whole content, so a value can stand anywhere in it.
"""

from __future__ import annotations

import html as escaping
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2

# Everything CommonMark, GitHub's tables and Streamlit's directives (`:red[x]`, `$x$`) read as
# markup, bare addresses included.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~$&@]|:(?=[A-Za-z/])|(?<=www)\.)", re.IGNORECASE)
# Invisible, but part of the spelling of many languages.
_JOINERS = "\u200c\u200d"
_LIST_START = re.compile(r"^([-+=]|\d+(?=[.)]))")
_BLANK_LINES = re.compile(r"\n\s*\n")
_PAGE = Path(__file__).with_name("page.html.jinja")

Write = Callable[[], str]


def markdown(template: str, values: Mapping[str, object]) -> str:
    """Return the document as Markdown (CommonMark with GitHub's tables)."""
    return _written(template, _Markdown(), values) + "\n"


def html(template: str, values: Mapping[str, object], title: str) -> str:
    """Return the document as one self-contained HTML page."""
    body = _written(template, _Html(), values)
    page = _compiled(_PAGE.read_text("utf-8")).render(title=_html_text(title), body=body)
    return page + "\n"


class _Format(ABC):
    """A format that blocks are written in; `between` separates two of them."""

    between: str

    @abstractmethod
    def heading(self, text: str, level: int = 2) -> str:
        """Return a heading; level 1 is the title of the document."""

    @abstractmethod
    def paragraph(self, caller: Write) -> str:
        """Return the inner text as one paragraph."""

    @abstractmethod
    def item(self, caller: Write) -> str:
        """Return the inner text as one item of a list."""

    @abstractmethod
    def bullets(self, caller: Write) -> str:
        """Return the inner items as a list."""

    @abstractmethod
    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Return a table of texts; every row has one cell per column."""


class _Markdown(_Format):
    between = "\n\n"

    def heading(self, text: str, level: int = 2) -> str:
        return f"{'#' * level} {_markdown_text(text)}\n\n"

    def paragraph(self, caller: Write) -> str:
        return f"{_markdown_line(caller())}\n\n"

    def item(self, caller: Write) -> str:
        return f"- {_markdown_line(caller())}\n"

    def bullets(self, caller: Write) -> str:
        return f"{caller()}\n"

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        cells = [[_markdown_text(cell) for cell in row] for row in (columns, *rows)]
        cells.insert(1, ["---"] * len(columns))
        return "\n".join(f"| {' | '.join(row)} |" for row in cells) + "\n\n"


class _Html(_Format):
    between = "\n"

    def heading(self, text: str, level: int = 2) -> str:
        return f"<h{level}>{_html_text(text)}</h{level}>\n"

    def paragraph(self, caller: Write) -> str:
        return f"<p>{_html_text(caller())}</p>\n"

    def item(self, caller: Write) -> str:
        return f"<li>{_html_text(caller())}</li>\n"

    def bullets(self, caller: Write) -> str:
        return f"<ul>\n{caller()}</ul>\n"

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        body = "\n".join(_html_row(row, "td") for row in rows)
        head = f"<thead>{_html_row(columns, 'th')}</thead>"
        inside = f"<table>\n{head}\n<tbody>\n{body}\n</tbody>\n</table>"
        return f'<div class="wide">{inside}</div>\n'


def _written(template: str, form: _Format, values: Mapping[str, object]) -> str:
    blocks = {
        "heading": form.heading,
        "paragraph": form.paragraph,
        "item": form.item,
        "bullets": form.bullets,
        "table": form.table,
    }
    text = _compiled(template).render(**blocks, **values)
    return _BLANK_LINES.sub(form.between, text.strip())


@cache
def _compiled(template: str) -> jinja2.Template:
    # Imported here, because pages without a card load faster. Autoescape is off: the blocks escape
    # for their own format.
    import jinja2

    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(template)


def _html_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_html_text(cell)}</{tag}>" for cell in cells) + "</tr>"


def _html_text(text: str) -> str:
    return escaping.escape(_one_line(text))


def _markdown_line(text: str) -> str:
    """Escape text at the start of a line, where a dash or `1.` would begin a list."""
    return _LIST_START.sub(_escaped_start, _markdown_text(text))


def _escaped_start(start: re.Match[str]) -> str:
    if start[0].isdigit():
        return f"{start[0]}\\"
    return f"\\{start[0]}"


def _markdown_text(text: str) -> str:
    return _MARKUP.sub(r"\\\1", _one_line(text))


def _one_line(text: str) -> str:
    """Return the text without line breaks and invisible characters, such as directional
    overrides."""
    if not text.isprintable():
        text = "".join(map(_seen, text))
    return " ".join(text.split())


def _seen(letter: str) -> str:
    if letter.isprintable() or letter in _JOINERS:
        return letter
    return " "
