"""The catalogue of what the pages say, in their main states.

    python -m tests.ui.words

writes `words.txt` anew. What varies (numbers, ids, times, paths) is normalised, so that a line
changes only when its words do.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from streamlit.testing.v1 import AppTest

from core import settings
from tests import old_homes, page_states
from tests.patience import PATIENCE

CATALOGUE = Path(__file__).with_name("words.txt")
ROUTER = settings.PROJECT / "ui" / "shell" / "router.py"
# The fields of Streamlit's messages that a person reads or hears. Code is not prose, and what a
# chart draws comes from data.
FIELDS = {"alt", "body", "content", "delta", "help", "label", "options", "placeholder", "text"}
# `options` of a number format, `label` of nothing visible ...
UNSEEN = re.compile(r"^[\W\d_]*$|^<style>|^:material/\w+:$|^[a-z]+://")
# What a page says until AWS has answered: how long that takes is up to the machine.
UNANSWERED = {
    ":material/progress_activity: Reading from AWS",
    ":material/progress_activity: Checking with AWS",
    "AWS: checking",
}
# A page where nothing of AWS is known, whatever the machine that draws it.
ENVIRONMENT = {
    "AWS_CONFIG_FILE": "/nowhere/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials",
    "AWS_EC2_METADATA_DISABLED": "true",
    "FIELDMARK_IMPORT_ROOTS": str(settings.PROJECT),
    "FIELDMARK_PREPARE": "0",
}
NORMALISED = (
    (re.compile(r"\\([\\`*_{}\[\]()#+\-.!|~:$<>&=^])"), r"\1"),
    (re.compile(r":small\[\]"), ""),
    (re.compile(r"fm-[a-z]+-\d{8}t\d{6}-[0-9a-f]{6}"), "JOB"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "HASH"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?(?:\+00:00)?)?"), "DATE"),
    (re.compile(r"\b(?:\d+ (?:s|min|h|days?) ago|just now)\b"), "AGE"),
    (re.compile(r"\b[\d,.]+ (?:ms|s|min|h|days?)(?: \d+ (?:s|min|h))?\b"), "TIME"),
    (re.compile(r"\b[\d,.]+ (?:B|KB|MB|GB|TB)\b"), "SIZE"),
    (re.compile(r"(?<![A-Za-z])\d[\d,]*(?:\.\d+)?"), "0"),
    (re.compile(r"\s+"), " "),
)


def _strings(message: Any) -> Iterator[str]:
    """Yield the texts of a Protocol Buffers message that are shown."""
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        if field.type == field.TYPE_MESSAGE:
            if not field.message_type.GetOptions().map_entry:
                for one in values:
                    yield from _strings(one)
        elif field.type == field.TYPE_STRING and field.name in FIELDS:
            yield from values
        elif field.full_name == "Dataframe.columns":
            yield from _of_columns(value)


def _of_columns(text: str) -> Iterator[str]:
    """Yield the headers and tooltips of a table's columns."""
    for column in json.loads(text).values():
        for name in ("label", "help"):
            if column.get(name):
                yield str(column[name])


def _walk(node: Any) -> Iterator[str]:
    for child in getattr(node, "children", {}).values():
        if message := getattr(child, "proto", None):
            yield from _strings(message)
        yield from _walk(child)


def normalise(text: str, folders: tuple[str, ...] = ()) -> str:
    """Return the text with a word in place of each part that varies."""
    for folder in folders:
        text = text.replace(folder, "FOLDER")
    for pattern, word in NORMALISED:
        text = pattern.sub(word, text)
    return text.strip()


def draw(address: str) -> AppTest:
    """Return the page at an address such as `models?model=...`, drawn."""
    page, _, query = address.partition("?")
    app = AppTest.from_file(str(ROUTER), default_timeout=PATIENCE)
    app.query_params.update(dict(parse_qsl(query)))
    app.switch_page(str(settings.PROJECT / "pages" / f"{page or 'overview'}.py"))
    until = time.monotonic() + PATIENCE
    while UNANSWERED.intersection(words.strip() for words in _walk(app.run()._tree)):
        assert time.monotonic() < until, address
        time.sleep(0.05)
    assert not app.exception, (address, [error.value for error in app.exception])
    return app


def said_at(addresses: list[str]) -> set[str]:
    """Return everything that the pages at these addresses say, normalised."""
    folders = (str(settings.home()), str(settings.PROJECT), str(Path.home()))
    return {
        words
        for address in addresses
        for text in _walk(draw(address)._tree)
        if not UNSEEN.match(words := normalise(text, folders))
    }


def collect(folder: Path) -> list[str]:
    """Return everything that the pages say in their main states, over homes made in `folder`."""
    said: set[str] = set()
    for name in ("", old_homes.SAGEMAKER, old_homes.WORKSTATION):
        home = folder / (name or "empty") / "home"
        home.parent.mkdir(parents=True)
        if name:
            old_homes.unpack(name, home)
        os.environ[settings.ENV_HOME] = str(home)
        if name == old_homes.WORKSTATION:
            said |= said_at(page_states.over_the_old_home())
            with page_states.endpoints_in_every_state() as ids:
                said |= said_at(["", "deploy", *map("deploy?endpoint={}".format, ids[1:])])
                said |= said_at(page_states.of_an_endpoint(ids[0]))
        else:
            said |= said_at(list(page_states.PAGES))
    return sorted(said)


def main() -> None:
    os.environ.update(ENVIRONMENT)
    with tempfile.TemporaryDirectory() as folder:
        lines = collect(Path(folder))
    CATALOGUE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} lines are in {CATALOGUE}.")


if __name__ == "__main__":
    main()
