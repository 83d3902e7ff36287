"""Read labels from cells: a class name, a code that another file names, or several labels."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from core.datasets.planning.decisions import AS_TEXT, FIRST, Decisions, TableUse
from core.datasets.planning.folders import UNLABELLED
from core.datasets.planning.listing import Listing
from core.datasets.planning.tables import text_tables
from core.datasets.planning.tables.column_names import LABEL_NAMES
from core.datasets.planning.tables.columns import LABEL, ONE_HOT, is_one, normalise_name
from core.datasets.planning.tables.json_tables import SEVERAL
from core.datasets.planning.tables.json_tables import cell_text as text_of
from core.datasets.planning.tables.table import NotATable, Row

# Files that name class codes: a name per line, or a code and a name.
NAME_FILES = re.compile(
    r"([\w-]*(class|label|categor|names|idx|species|breed)[\w-]*|data|dataset|config)"
    r"\.(txt|json|names|ya?ml|csv|pbtxt)",
    re.IGNORECASE,
)
# Keys of JSON objects about photos, and keys under which objects store class names.
OF_PHOTOS = frozenset({"images", "annotations", "items", "samples"})
HOLDERS = ("names", "id2label", "label2id", "class_names", "classes", "categories", "labels")
_CODE_NAME = re.compile(r"(class|label|category|target|species).*(id|idx|index|code|num)$")
_CODE = re.compile(r"[0-9]{1,15}(\.0)?")
# Cells that mean an unknown label; NA or null may be the name of a class.
NO_LABEL = frozenset({"unlabeled", "unlabelled"})
MAX_NAMES = 20_000
MAX_BYTES = 2**22
# The share of parts of cells that must be labels of other photos, too.
PARTS = 0.8
SEPARATORS = (SEVERAL, "|", ",", " ")


def find_name_files(listing: Listing) -> dict[str, dict[str, str]]:
    """Return the files that name class codes, each with its names by code."""
    files = {}
    for path in listing.others:
        if NAME_FILES.fullmatch(PurePosixPath(path).name) and path.count("/") < 3:
            names = _read_name_file(listing.root / path)
            # In a table of photos, labels repeat.
            if len(names) > 1 and len(set(names.values())) == len(names):
                files[path] = names
    return files


def with_names(
    use: TableUse, codes: Sequence[str], files: Mapping[str, Mapping[str, str]]
) -> TableUse:
    """Return the table with the file that names its codes, if its labels are codes."""
    return replace(use, names=find_naming_file(codes, files)) if use.is_used and codes else use


def find_naming_file(codes: Sequence[str], files: Mapping[str, Mapping[str, str]]) -> str:
    """Return the path of the only file that names all of these codes, or ''."""
    fitting = [
        path
        for path, names in files.items()
        if all(_normal_code(code) in names for code in set(codes))
    ]
    return fitting[0] if len(fitting) == 1 else ""


def read_names(listing: Listing, path: str) -> dict[str, str]:
    """Return the names by code in a file; {} if `path` is ''."""
    return _read_name_file(listing.root / path) if path else {}


def name_of(code: str, names: Mapping[str, str]) -> str:
    """Return the name of a code, or the code itself if it has none."""
    return names.get(_normal_code(code), code)


def _normal_code(code: str) -> str:
    """Return a code as name files write it; spreadsheets with empty cells turn 1 into 1.0."""
    text = code.strip()
    return str(int(float(text))) if _CODE.fullmatch(text) else text


def find_codes(use: TableUse, rows: Sequence[Row]) -> list[str]:
    """Return the labels of the rows if all of them are numbers, else []."""
    column = use.column(LABEL)
    cells = [_read_cell(row, column) for row in rows] if column else []
    codes = [code for cell in cells for code in _split_cell(cell, use.several or SEVERAL)]
    return codes if all(map(_CODE.fullmatch, codes)) else []


def _read_name_file(path: Path) -> dict[str, str]:
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return {}
        text = path.read_bytes().decode(text_tables.detect_encoding(path))
    except (OSError, UnicodeError, NotATable):
        return {}
    suffix = path.suffix.casefold()
    if suffix == ".json":
        return _parse_json(text)
    if suffix in (".yaml", ".yml"):
        return _parse_yaml(text)
    if suffix == ".csv":
        return _parse_csv(text)
    if suffix == ".pbtxt":
        pairs = re.findall(r"id:\s*(\d+)[^{}]*?name:\s*['\"]([^'\"]*)|$", text)
        return {_normal_code(code): name for code, name in pairs if name}
    return _parse_lines(text)


def _parse_csv(text: str) -> dict[str, str]:
    """Return names by code from lines of code and name, in either order, or from columns with such
    names; {} for a table of photos, which has other columns or repeats its codes."""
    try:
        rows = [row for row in csv.reader(text.splitlines()) if any(row)]
    except csv.Error:
        return {}
    if any(_is_photo(cell) or "/" in cell for row in rows for cell in row):
        return {}
    if any(len(row) != 2 for row in rows):
        rows = (
            _code_and_name_columns(rows)
            if len(rows[0]) > 2
            else [[line] for line in text.splitlines()]
        )
    if rows and len(rows[-1]) == 1:
        return _parse_lines(text)
    pairs = [row if row[0].strip().isdigit() else row[::-1] for row in rows]
    coded = [(code.strip(), name.strip()) for code, name in pairs if code.strip().isdigit()]
    names = {_normal_code(code): name for code, name in coded}
    is_whole = len(rows) - 1 <= len(names) == len(coded)
    return names if is_whole else {}


def _code_and_name_columns(rows: list[list[str]]) -> list[list[str]]:
    """Return the columns whose header means class number and class name."""
    header = [normalise_name(cell) for cell in rows[0]]
    code = next((n for n, cell in enumerate(header) if _CODE_NAME.search(cell)), None)
    name = next((n for n, cell in enumerate(header) if cell in (*LABEL_NAMES, "name")), None)
    if code is None or name is None or code == name:
        return []
    return [[row[code], row[name]] for row in rows if len(row) > max(code, name)]


def _parse_json(text: str) -> dict[str, str]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if isinstance(content, dict):
        if content.keys() & OF_PHOTOS or {"classes", "labels"} <= content.keys():
            return {}
        held = [content[key] for key in HOLDERS if isinstance(content.get(key), list | dict)]
        content = (held or [content])[0]
    if isinstance(content, list) and all(isinstance(item, dict) for item in content):
        content = {str(item.get("id", "")): item.get("name") for item in content}
    if isinstance(content, list) and all(isinstance(name, str) for name in content):
        return {str(code): name for code, name in enumerate(content)}
    if not isinstance(content, dict) or not content or any(map(_is_photo, map(str, content))):
        return {}
    if all(isinstance(code, int) for code in content.values()):
        return {str(code): name for name, code in content.items()}
    if all(isinstance(name, str) and code.isdigit() for code, name in content.items()):
        return {_normal_code(code): name for code, name in content.items()}
    return {}


def _parse_yaml(text: str) -> dict[str, str]:
    """Return the `names` of a data.yaml: a list, or a map from code to name."""
    import yaml

    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):  # an impossible date
        return {}
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, list):
        return {str(code): str(name) for code, name in enumerate(names)}
    if isinstance(names, dict):
        return {str(code): str(name) for code, name in names.items()}
    return {}


def _parse_lines(text: str) -> dict[str, str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()][:MAX_NAMES]
    pairs = [re.fullmatch(r"(\d+)[\s,;:=]+(.+)", line) for line in lines]
    if len(pairs) > 2 and not pairs[0] and all(pairs[1:]):
        del pairs[0]  # a header
    if all(pairs) and not any(map(_is_photo, lines)):
        return {_normal_code(pair[1]): pair[2].strip() for pair in pairs if pair}
    if any(re.search(r"[/,;\t]", line) or _is_photo(line) for line in lines):
        return {}
    return {str(code): name for code, name in enumerate(lines)}


def _read_cell(row: Row, column: str) -> str:
    """Return a cell's text; a JSON list, or an object with one list, becomes text with separators:
    `["crow", "owl"]`, `{"choices": ["crow", "owl"]}`."""
    cell = row.values.get(column, "").strip()
    if cell[:1] not in ("[", "{"):
        return cell
    try:
        content = json.loads(cell.replace("'", '"'))
    except (ValueError, RecursionError):
        return cell
    if isinstance(content, dict) and len(content) == 1:
        content = next(iter(content.values()))
    return cell if isinstance(content, dict) else text_of(content)


def _is_photo(line: str) -> bool:
    return bool(re.search(r"\.(jpe?g|png|webp|tiff?)\b", line, re.IGNORECASE))


def find_separator(use: TableUse, rows: Sequence[Row]) -> str:
    """Return what separates the labels of a cell if some cells have several, or ''.

    Many names contain spaces or commas, so these separate only if the parts are labels of other
    photos.
    """
    column = use.column(LABEL)
    if not column:
        return SEVERAL if ONE_HOT in use.roles.values() else ""
    values = Counter(_read_cell(row, column) for row in rows)
    for mark in SEPARATORS:
        several = [value for value in values if len(_split_cell(value, mark)) > 1]
        alone = {value for value in values if len(_split_cell(value, mark)) == 1}
        if several and _are_labels(several, alone, mark):
            return mark
    return ""


def _are_labels(several: Sequence[str], alone: set[str], mark: str) -> bool:
    if mark in (SEVERAL, "|"):
        return True
    parts = {part for value in several for part in _split_cell(value, mark)}
    if mark == " " and all(part.isdigit() for part in parts):
        return True
    return bool(parts) and len(parts & alone) >= PARTS * len(parts)


def _split_cell(value: str, mark: str) -> list[str]:
    return [part.strip() for part in value.split(mark) if part.strip()]


def read_labels(use: TableUse, row: Row, names: Mapping[str, str]) -> list[str]:
    """Return the labels that a row gives its photo: none, one, or several."""
    column = use.column(LABEL)
    if not column:
        ones = [name for name in use.columns(ONE_HOT) if is_one(row.values.get(name, ""))]
        return [name for name in ones if name.casefold() not in UNLABELLED]
    text = _read_cell(row, column)
    parts = [text] if text else []
    if use.several:
        parts = _split_cell(text, use.several)
    parts = [part for part in parts if part.casefold() not in NO_LABEL]
    return [name_of(part, names) for part in parts]


def join_labels(labels: Sequence[str], decisions: Decisions) -> str:
    """Return one label for several, as decided; '' if such photos are excluded."""
    if len(labels) == 1 or decisions.several == FIRST:
        return labels[0]
    return ", ".join(labels) if decisions.several == AS_TEXT else ""
