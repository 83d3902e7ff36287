"""A small document that is written once and comes out as Markdown or as one HTML file; its texts
are always shown as text."""

from __future__ import annotations

import html as escaping
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Everything CommonMark, GitHub's tables and Streamlit's directives (`:red[x]`, `$x$`) read as
# markup, bare addresses included.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~$&@]|:(?=[A-Za-z/])|(?<=www)\.)", re.IGNORECASE)
# Unseen, and yet part of the spelling of many languages.
_JOINERS = "\u200c\u200d"
_LIST_START = re.compile(r"^([-+=]|\d+(?=[.)]))")

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2427; --paper: #fff; --line: #d7dddf; --quiet: #5d6a70; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9eb; --paper: #14191b; --line: #333d41; --quiet: #9aa7ad; } }
body { margin: 2.5rem auto; max-width: 56rem; padding: 0 1.25rem; background: var(--paper); color: var(--ink);
       font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0 1rem; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem 1.1rem .35rem 0; text-align: left; vertical-align: top; }
th { color: var(--quiet); font-weight: 600; }
li { margin: .25rem 0; }
""".strip()
# Nothing is loaded and nothing runs, whatever a name holds.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the document's own."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Bullets:
    items: Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table of texts; every row has as many cells as there are columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


Block = Heading | Paragraph | Bullets | Table


def markdown(blocks: Iterable[Block]) -> str:
    """The document as Markdown (CommonMark with GitHub's tables)."""
    return "\n\n".join(_markdown_block(block) for block in blocks) + "\n"


def html(blocks: Iterable[Block], title: str) -> str:
    """The document as one HTML page that needs nothing else."""
    body = "\n".join(_html_block(block) for block in blocks)
    head = "\n".join(
        (
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f"<title>{_html_text(title)}</title>",
            f"<style>\n{_STYLE}\n</style>",
        )
    )
    return (
        "<!doctype html>\n<html "
        f'lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'
    )


def _markdown_block(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_markdown_text(block.text)}"
        case Paragraph():
            return _markdown_line(block.text)
        case Bullets():
            return "\n".join(f"- {_markdown_line(item)}" for item in block.items)
        case Table():
            head, *rows = [
                [_markdown_text(cell) for cell in row] for row in (block.columns, *block.rows)
            ]
            return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _html_block(block: Block) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{_html_text(block.text)}</h{block.level}>"
        case Paragraph():
            return f"<p>{_html_text(block.text)}</p>"
        case Bullets():
            return (
                "<ul>\n"
                + "\n".join(f"<li>{_html_text(item)}</li>" for item in block.items)
                + "\n</ul>"
            )
        case Table():
            head, rows = (
                _html_row(block.columns, "th"),
                "\n".join(_html_row(row, "td") for row in block.rows),
            )
            return (
                "<div "
                f'class="wide"><table>\n<thead>{head}</thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>'
            )


def _html_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_html_text(cell)}</{tag}>" for cell in cells) + "</tr>"


def _html_text(text: str) -> str:
    return escaping.escape(_one_line(text))


def _markdown_line(text: str) -> str:
    return _LIST_START.sub(
        lambda start: start[0] + "\\" if start[0].isdigit() else "\\" + start[0],
        _markdown_text(text),
    )


def _markdown_text(text: str) -> str:
    return _MARKUP.sub(r"\\\1", _one_line(text))


def _one_line(text: str) -> str:
    """The text without line breaks and other characters that can't be seen, directional overrides
    among them."""
    return " ".join(
        "".join(
            letter if letter.isprintable() or letter in _JOINERS else " " for letter in text
        ).split()
    )
