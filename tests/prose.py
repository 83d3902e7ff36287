"""Finds turns of phrase that the project avoids, in strings, docstrings, comments and Markdown.

    python -m tests.prose [PATH...]

Exit status 1 names each place. With paths, only those files are read.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
TEXTS = (".md", ".toml", ".txt", ".js", ".css", ".html")
# Names of species, known holes, the snapshot of what the pages say, and this list itself.
SKIPPED = (
    "core/datasets/importing/cub_species.txt",
    # They read the sentences of earlier versions.
    "core/jobs/status/causes.py",
    "tests/jobs/test_causes.py",
    "tests/ui/words.txt",
    "tests/holes.txt",
    "tests/prose.py",
    "tests/test_prose.py",
    "tests/fixtures/",
)
# A long run of text that is data and no prose.
MAX_LENGTH = 4_000


@dataclass(frozen=True)
class Rule:
    """A pattern, what to write instead, and whether only what a person sees is read."""

    pattern: re.Pattern[str]
    instead: str
    only_messages: bool = False


@dataclass(frozen=True)
class Passage:
    """Some prose and the line on which it begins."""

    line: int
    text: str
    is_message: bool


def _rule(pattern: str, instead: str, *, only_messages: bool = False) -> Rule:
    return Rule(re.compile(pattern), instead, only_messages)


RULES = (
    _rule(
        r"(?<!here )\bis no (path|folder|name|place|photo|number|image|archive|file|level|dataset|model|job)\b",
        "is not a ...",
    ),
    _rule(r"(?i)\basks? for patience\b", "AWS is throttling requests"),
    _rule(r"(?i)\bthere and back\b", "round trip"),
    _rule(r"(?i)\b(lets? go of|is let go|lets go)\b", "releases, removes"),
    _rule(r"(?i)\bas its makers\b|\bits makers\b", "official"),
    _rule(r"\bNobody (has|knows|looks?|asks?)\b", "name what has not happened"),
    _rule(r"\bwhat (it|the model|a model) makes of\b", "prediction, features"),
    _rule(r"\bIt ended because\b|\bIt ends?:", "Finished: ..., Auto-stop: ..."),
    _rule(r"(?i)\bdied without a word\b", "exited unexpectedly"),
    _rule(r"(?i)\btakes? the role on\b", "assume the role"),
    _rule(r"(?i)\b(is|are) forgotten here\b", "removes it from this list"),
    _rule(r"(?i)\bwhat could go\b", "unused resources"),
    _rule(r"(?i)\bsaid rightly\b", "precision"),
    _rule(r"(?i)\bmost often taken for\b", "most often confused with"),
    _rule(r"(?i)\bheld back\b", "regularised"),
    _rule(r"(?i)\bgone through where\b", "read in place"),
    _rule(r"(?i)\bgives? no sign of life\b", "does not respond"),
    _rule(r"(?i)\bmend(s|ed|ing)?\b", "fix, correct"),
    _rule(r"(?i)\bbears? a name\b", "has a name, is named"),
    _rule(r"(?i)\bwherever that is\b|\bwhoever watches\b", "name it"),
    _rule(r"(?i)\bplease\b", "leave it out", only_messages=True),
    _rule(r"(?i)\bsimply\b", "leave it out"),
    _rule(r"(?i)\bjust (a|an|the|one|as|what|press|click|like)\b", "leave it out"),
    _rule(r"[a-z]!(\s|$)", "no exclamation marks", only_messages=True),
    _rule(
        r"(?<![%\w.])(?<!\d )(?<!% )\d+(\.\d+)?%(?![\w(.%\\;])",
        "95 %, with a space",
        only_messages=True,
    ),
    # The mode is called "finetune" in commands.
    _rule(r"\bFinetune\b|\b[Ff]inetun(ed|ing)\b(?!\")", "fine-tune, fine-tuned"),
    _rule(
        r"\b(None|[Ee]mpty|[Nn]othing|False|True|\w*Error|NotFound|Bad[A-Z]\w+) where\b",
        "if or when",
    ),
    _rule(r"(?i)\bcan't\b", "cannot, outside the pages"),
)
# The pages, and the errors that they show, speak as people do.
CONTRACTIONS = ("core/", "ui/", "pages/", "tests/", "sm_scripts/", "benchmarks/")


def passages(path: Path) -> Iterator[Passage]:
    """Yield the prose of one file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _of_python(text)
    else:
        for number, line in enumerate(text.splitlines(), 1):
            yield Passage(number, line, is_message=path.suffix == ".md")


def _of_python(text: str) -> Iterator[Passage]:
    tree = ast.parse(text)
    docstrings = set(_docstrings(tree))
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield Passage(node.lineno, _literal(node), is_message=True)
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts
        ):
            yield Passage(node.lineno, node.value, is_message=id(node) not in docstrings)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield Passage(token.start[0], token.string, is_message=False)


def _docstrings(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)


def _literal(node: ast.JoinedStr) -> str:
    """Return an f-string with a mark for each value: `{n} of the photos` is `0 of the photos`."""
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "0" for part in node.values
    )


def findings(path: Path) -> Iterator[str]:
    """Yield a line for each place in a file that breaks a rule."""
    name = path.relative_to(PROJECT).as_posix()
    for passage in passages(path):
        if len(passage.text) > MAX_LENGTH:
            continue
        words = " ".join(passage.text.split())
        for rule in RULES:
            # The messages in tests are also those of AWS.
            if rule.only_messages and (not passage.is_message or name.startswith("tests/")):
                continue
            if rule.instead.startswith("cannot") and name.startswith(CONTRACTIONS):
                continue
            if found := rule.pattern.search(words):
                near = words[max(0, found.start() - 40) : found.end() + 40]
                yield f"{name}:{passage.line}: {found[0]!r} ({rule.instead}): ...{near}..."


def files() -> list[Path]:
    """Return every file of the project that holds prose, new ones included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [
        PROJECT / name
        for name in listed
        if name.endswith((".py", *TEXTS))
        and not name.startswith(SKIPPED)
        and (PROJECT / name).is_file()
    ]


def main(names: list[str]) -> int:
    chosen = [Path(name).resolve() for name in names] or files()
    found = [line for path in chosen for line in findings(path)]
    print("\n".join(found or [f"{len(chosen)} files read: nothing to change."]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
