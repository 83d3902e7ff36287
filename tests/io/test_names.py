"""Names: what is taken as it is, what is refused, and what a path is made of."""

from __future__ import annotations

import unicodedata

import pytest

from core.datasets.store import ID_PATTERN
from core.errors import UserError
from core.io.names import clashes, clean_name, numbered, printable, slug

ODD = [
    "a b",
    "a'b",
    'a"b',
    "$(id)",
    "a;b|c",
    "<script>",
    ":red[x]",
    "![](http://x)",
    "🦆",
    "👩‍🔬 birds",
    "Ürü 鳥",
    "-rf",
]


@pytest.mark.parametrize("name", ODD)
def test_fault_09_odd_names_are_kept_and_their_ids_are_safe(name: str) -> None:
    assert clean_name(f"  {name} ", "name") == name
    assert ID_PATTERN.fullmatch(f"{slug(name)}-1a2b3c")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        ".",
        "..",
        "a\nb",
        "a\0b",
        "a\x7fb",
        "x" * 300,
        "right\u202eleft",
        "zero\u200bwidth",
        "\ud800",
    ],
)
def test_fault_09_names_that_mislead_are_refused(name: str) -> None:
    with pytest.raises(UserError) as caught:
        clean_name(name, "class name")
    assert "class name" in str(caught.value)
    assert str(caught.value).isprintable()


def test_names_are_composed() -> None:
    assert clean_name(unicodedata.normalize("NFD", "Café"), "name") == unicodedata.normalize(
        "NFC", "Café"
    )


def test_fault_08_twins_are_found() -> None:
    nfc, nfd = unicodedata.normalize("NFC", "Café"), unicodedata.normalize("NFD", "Café")
    assert clashes(["Cat", "cat", "Dog", nfc, nfd, "Dog", "Owl ", "Owl"]) == sorted(
        [["Cat", "cat"], sorted([nfc, nfd]), ["Owl", "Owl "]]
    )


def test_fault_11_foreign_names_are_shown_on_one_bounded_line() -> None:
    assert printable("../../etc/passwd.png") == "../../etc/passwd.png"
    assert "\n" not in printable("a\nb\x1b[31m")
    assert len(printable("x" * 5000)) < 200


def test_a_name_that_is_taken_gets_the_next_free_number() -> None:
    assert numbered("birds, fast", []) == "birds, fast"
    assert numbered("birds, fast", ["Birds, fast", "birds, fast 2"]) == "birds, fast 3"
    long = "x" * 80
    assert numbered(long, [long]) == "x" * 78 + " 2"
