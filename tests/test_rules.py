"""The rules that keep the parts apart, read from the source: who may import whom, and what no page may do."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
OURS = ("app", "core", "ui", "pages", "sm_scripts", "benchmarks", "tests", "fieldmark")
APP_ONLY = {"core", "ui", "pages", "app", "streamlit"}
HEAVY = {"boto3", "botocore", "sagemaker", "torch", "torchvision", "timm", "subprocess"}
FORBIDDEN = {
    "core": {"streamlit", "ui", "pages", "app", "fieldmark"},
    "fieldmark": APP_ONLY - {"core"} | HEAVY - {"subprocess"},
    "sm_scripts": APP_ONLY,
    "ui": HEAVY | {"pages", "app"},
    "pages": HEAVY | {"json"},
}
BACKENDS = {"local", "sagemaker"}

# Prints the modules whose import brings torch into the process, one to a line.
IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
import core, ui
for package in (core, ui):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if found.name.endswith("__main__"):
            continue
        importlib.import_module(found.name)
        if "torch" in sys.modules:
            print(found.name)
            sys.exit()
"""


def sources(folder: str) -> list[Path]:
    return sorted((PROJECT / folder).rglob("*.py"))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(PROJECT)}:{getattr(node, 'lineno', 1)}"


def imports(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Yield every absolutely imported top-level package with the statement, wherever in the file it
    stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0], node


@pytest.mark.parametrize("folder", sorted(FORBIDDEN))
def test_no_part_imports_what_lies_above_it(folder: str) -> None:
    broken = [
        f"{where(path, node)} imports {name}"
        for path in sources(folder)
        for name, node in imports(parse(path))
        if name in FORBIDDEN[folder]
    ]
    assert not broken


def compares_backend(node: ast.AST) -> bool:
    """Return `backend == ...`, `job.backend in ...`, `x == "local"` and `case "sagemaker"`: choices
    that belong to core/backends."""
    if isinstance(node, ast.match_case):
        return any(
            isinstance(part, ast.Constant) and part.value in BACKENDS
            for part in ast.walk(node.pattern)
        )
    if not isinstance(node, ast.Compare) or all(
        isinstance(op, ast.Is | ast.IsNot) for op in node.ops
    ):
        return False
    operands = [node.left, *node.comparators]
    named = [
        operand.id if isinstance(operand, ast.Name) else getattr(operand, "attr", "")
        for operand in operands
    ]
    texts = {
        part.value
        for operand in operands
        for part in ast.walk(operand)
        if isinstance(part, ast.Constant)
    }
    return "backend" in named or bool(texts & BACKENDS)


def test_only_the_backends_know_which_backend_it_is() -> None:
    files = [PROJECT / "app.py", *sources("pages"), *sources("ui"), *sources("core")]
    broken = [
        where(path, node)
        for path in files
        if path.exists() and not path.is_relative_to(PROJECT / "core" / "backends")
        for node in ast.walk(parse(path))
        if compares_backend(node)
    ]
    assert not broken


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("if backend == 'x': pass", True),
        ("if job.backend != other: pass", True),
        ("if kind in ('local', 'sagemaker'): pass", True),
        ("match kind:\n case 'local': pass", True),
        ("if backend is None: pass", False),
        ("if state == 'Completed': pass", False),
        ("get(backend).train(spec)", False),
    ],
)
def test_the_backend_rule_sees_what_it_should(source: str, expected: bool) -> None:
    assert any(compares_backend(node) for node in ast.walk(ast.parse(source))) is expected


def test_torch_is_never_imported_in_the_app_process() -> None:
    run = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "", (
        f"importing {run.stdout.strip()} imports torch: move that import into the process that needs it"
    )


@pytest.mark.parametrize("page", sources("pages"), ids=lambda path: path.name)
def test_every_page_begins_with_the_guard(page: Path) -> None:
    """A deep link that the very first visitor opens runs the page without app.py, so each page has to ask for itself."""
    body = [node for node in parse(page).body if not _is_text(node)]
    assert any(
        isinstance(node, ast.ImportFrom) and ast.unparse(node) == "from ui.guard import guard"
        for node in body
    )
    statements = [node for node in body if not isinstance(node, ast.Import | ast.ImportFrom)]
    assert statements, f"{page.name} is empty"
    assert ast.unparse(statements[0]) == "guard()", (
        f"{where(page, statements[0])} stands before the guard"
    )


CHOICES = {"selectbox", "multiselect", "segmented_control", "pills", "radio", "select_slider"}


def offers_options(node: ast.AST) -> bool:
    """Return a call of one of Streamlit's widgets that send a label back, or an option to type more
    than what is offered."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    ours = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "choices"
    named = {keyword.arg for keyword in node.keywords}
    return (called in CHOICES and not ours) or bool(named & {"format_func", "accept_new_options"})


def test_every_choice_goes_through_the_module_that_keeps_labels_apart() -> None:
    """Streamlit takes two options of one label for the last of them: a page would act on another thing than was chosen."""
    broken = [
        where(path, node)
        for path in [PROJECT / "app.py", *sources("pages"), *sources("ui")]
        if path != PROJECT / "ui" / "choices.py"
        for node in ast.walk(parse(path))
        if offers_options(node)
    ]
    assert not broken


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("st.selectbox('Dataset', ids, format_func=f)", True),
        ("left.multiselect('Jobs', ids)", True),
        ("choices.one('Dataset', ids, label=f)", False),
        ("choices.pills('Status', names, key='x')", False),
        ("choices.maybe('Class', names, accept_new_options=True)", True),
    ],
)
def test_the_choices_rule_sees_what_it_should(source: str, expected: bool) -> None:
    assert any(offers_options(node) for node in ast.walk(ast.parse(source))) is expected


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def declared_distributions() -> set[str]:
    lines = [
        line
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (PROJECT / name).read_text().splitlines()
    ]
    return {
        normalised(match[0]) for line in lines if (match := re.match(r"[A-Za-z0-9][\w.-]*", line))
    }


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_imported_package_is_declared() -> None:
    """A package that is there only because another one needs it disappears with that one's next release."""
    siblings = {path.stem for path in sources("sm_scripts")}
    known = {*OURS, *siblings, "fieldmark_ml", *sys.stdlib_module_names, "__future__"}
    providers = importlib.metadata.packages_distributions()
    declared = declared_distributions()
    files = [
        path
        for part in OURS
        for path in ([PROJECT / "app.py"] if part == "app" else sources(part))
        if path.exists()
    ]
    broken = {
        f"{where(path, node)} imports {name}"
        for path in files
        for name, node in imports(parse(path))
        if name not in known
        and not declared & {normalised(found) for found in providers.get(name, [name])}
    }
    assert not broken


# Which room may import which: a room is a package, benchmarks are one. As it is, and no more.
ARROWS = """
core >
core.io > core
core.bin > core core.datasets core.io
core.evaluation > core
core.training > core core.io
core.aws > core core.aws.iam core.io
core.aws.iam > core core.aws
core.jobs > core core.bin core.io core.jobs.status core.training
core.jobs.status > core core.jobs
core.datasets > core core.aws core.bin core.io
core.datasets.planning > core core.datasets.importing core.datasets.planning.tables core.io
core.datasets.planning.tables > core core.datasets.planning core.io
core.datasets.sample >
core.datasets.editing > core core.datasets core.io
core.datasets.importing > core core.aws core.datasets core.datasets.editing core.datasets.planning
    core.datasets.sample core.io
core.datasets.inspection > core core.datasets core.datasets.editing core.io core.training
core.models > core core.datasets core.datasets.editing core.datasets.inspection core.evaluation
    core.io core.jobs core.training
core.tuning > core core.evaluation core.io core.jobs core.jobs.status core.models core.training
core.endpoints > core core.datasets core.evaluation core.io core.jobs core.jobs.status core.models
core.batch > core core.datasets core.datasets.importing core.datasets.planning.tables
    core.evaluation core.io core.jobs core.models
core.backends > core core.backends.local core.backends.sagemaker core.io core.jobs core.jobs.status
core.backends.local > core core.backends core.backends.local.datasets core.backends.local.endpoints
    core.batch core.bin core.datasets core.datasets.editing core.datasets.importing core.io
    core.jobs core.jobs.status core.models core.training core.tuning
core.backends.local.datasets > core core.aws core.backends.local core.datasets
    core.datasets.importing core.datasets.inspection core.datasets.planning core.io core.jobs
    core.jobs.status core.models core.training
core.backends.local.endpoints > core core.backends core.backends.local.datasets core.endpoints
    core.io core.jobs core.jobs.status core.models
core.backends.local.batch > core core.backends.local.datasets core.batch core.evaluation core.io
    core.jobs core.jobs.status core.models
core.backends.sagemaker > core core.aws core.backends core.backends.sagemaker.batch
    core.backends.sagemaker.endpoints core.backends.sagemaker.programs
    core.backends.sagemaker.tuning core.datasets core.io core.jobs core.jobs.status core.models
    core.training core.tuning
core.backends.sagemaker.training > core core.aws core.backends.sagemaker core.io core.jobs
    core.jobs.status core.models core.training core.tuning
core.backends.sagemaker.tuning > core core.aws core.backends.sagemaker
    core.backends.sagemaker.training core.io core.jobs core.jobs.status core.training core.tuning
core.backends.sagemaker.endpoints > core core.aws core.backends core.backends.local.endpoints
    core.backends.sagemaker core.endpoints core.io core.jobs core.jobs.status core.models
core.backends.sagemaker.batch > core core.aws core.backends.local.batch core.backends.sagemaker
    core.backends.sagemaker.endpoints core.backends.sagemaker.programs core.batch core.evaluation
    core.io core.jobs core.jobs.status core.models
core.backends.sagemaker.programs > core.aws core.backends core.backends.sagemaker
    core.backends.sagemaker.training core.io core.jobs
core.backends.sagemaker.inventory > core core.aws core.backends.sagemaker
    core.backends.sagemaker.endpoints core.datasets core.io core.jobs
ui > core core.bin core.io ui.notices ui.shell
ui.importing > core core.aws core.backends core.datasets core.datasets.importing
    core.datasets.planning core.datasets.planning.tables core.io core.jobs core.jobs.status ui
    ui.notices ui.shared
ui.components > core
ui.notices > core core.io core.jobs ui ui.components
ui.shared > core core.aws core.backends core.backends.sagemaker.endpoints core.batch core.bin
    core.datasets core.datasets.editing core.io core.jobs core.jobs.status core.models ui
    ui.components ui.notices
ui.predictions > core core.datasets core.evaluation core.models ui ui.components ui.shared
ui.shell > core core.backends core.backends.local core.io core.jobs core.models core.training ui
    ui.aws ui.components ui.datasets ui.notices ui.shared
ui.overview > core.backends core.bin core.datasets core.io core.jobs core.models ui ui.importing
    ui.notices ui.shared
ui.datasets > core core.backends core.datasets core.datasets.editing core.datasets.importing
    core.datasets.inspection core.io core.jobs core.jobs.status core.models ui ui.components
    ui.datasets.photos ui.models ui.notices ui.predictions ui.shared
ui.datasets.photos > core core.datasets core.datasets.editing core.datasets.inspection core.io
    core.models ui ui.components ui.datasets ui.notices ui.predictions ui.shared
ui.training > core core.aws core.backends core.datasets core.io core.jobs core.jobs.status
    core.models core.training ui ui.components ui.notices ui.shared
ui.tuning > core core.backends core.bin core.datasets core.io core.jobs core.jobs.status core.models
    core.training core.tuning ui ui.components ui.shared ui.training
ui.models > core core.datasets core.evaluation core.io core.jobs core.models core.training ui
    ui.notices ui.predictions ui.shared
ui.endpoints > core core.aws core.backends core.backends.sagemaker.inventory core.datasets
    core.datasets.editing core.endpoints core.evaluation core.io core.jobs core.jobs.status
    core.models ui ui.aws ui.components ui.models ui.notices ui.predictions ui.shared
ui.batch > core core.backends core.batch core.datasets core.datasets.editing core.evaluation core.io
    core.jobs core.jobs.status core.models ui ui.components ui.models ui.notices ui.predictions
    ui.shared ui.training
ui.aws > core core.aws core.aws.iam core.backends.sagemaker.inventory core.io core.jobs ui ui.notices ui.shared
pages > core.backends core.datasets core.datasets.editing core.jobs core.models ui ui.aws ui.batch
    ui.datasets ui.endpoints ui.importing ui.models ui.notices ui.overview ui.shared ui.shell
    ui.training ui.tuning
app > ui.shell
benchmarks > core core.backends core.backends.local.batch core.backends.local.datasets
    core.backends.local.endpoints core.datasets core.datasets.importing core.datasets.inspection
    core.endpoints core.io core.jobs core.jobs.status core.models core.training core.tuning
    fieldmark
fieldmark > core fieldmark.api fieldmark.cli
fieldmark.api > core core.backends core.batch core.datasets core.datasets.importing
    core.datasets.inspection core.datasets.planning core.evaluation core.io core.jobs
    core.jobs.status core.models core.training core.tuning
fieldmark.cli > core core.backends core.backends.local core.bin core.datasets.planning core.io
    core.jobs core.models fieldmark fieldmark.api
"""
MOST_MODULES = 16
TOPS = ("core", "ui", "pages", "benchmarks", "fieldmark")


def allowed() -> dict[str, set[str]]:
    """Return the table above; a line that is indented goes on with the one before."""
    rows = re.sub(r"\n +", " ", ARROWS.strip()).splitlines()
    return {room.strip(): set(to.split()) for room, to in (row.split(">") for row in rows)}


def our_modules() -> dict[str, Path]:
    paths = [path for top in TOPS for path in sources(top)]
    return {_dotted(path): path for path in [PROJECT / "app.py", *paths]}


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str, path: Path) -> str:
    if module.startswith("benchmarks"):
        return "benchmarks"
    is_package = path.name == "__init__.py" or "." not in module
    return module if is_package else module.rpartition(".")[0]


def imported(tree: ast.Module, known: dict[str, Path]) -> set[str]:
    """Return the modules of ours that a module imports, at its top or inside its functions."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= whole & known.keys()
            if whole - known.keys():
                found.add(node.module)
    return found & known.keys()


def in_circles(graph: dict[str, set[str]]) -> set[str]:
    """Return what is left when everything that leads nowhere is taken away, again and again."""
    left = dict(graph)
    while ends := {name for name, to in left.items() if not to & left.keys()}:
        left = {name: to for name, to in left.items() if name not in ends}
    return set(left)


def test_every_import_follows_an_arrow_of_the_table() -> None:
    known, table = our_modules(), allowed()
    rooms = {module: room_of(module, path) for module, path in known.items()}
    broken = [
        f"{module} imports {to}: {rooms[module]} > {rooms[to]}"
        for module, path in known.items()
        for to in sorted(imported(parse(path), known))
        if rooms[to] not in {rooms[module], *table.get(rooms[module], set())}
    ]
    assert not broken


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from core import errors", {"core.errors"}),
        ("def f():\n from core.io import files", {"core.io.files"}),
        ("import core.io.files as x", {"core.io.files"}),
        ("from core.io.files import atomic", {"core.io.files"}),
        ("import json", set()),
    ],
)
def test_the_arrows_rule_sees_what_it_should(source: str, expected: set[str]) -> None:
    known = dict.fromkeys(("core", "core.errors", "core.io", "core.io.files"), PROJECT)
    assert imported(ast.parse(source), known) == expected


def test_the_rule_against_circles_sees_what_it_should() -> None:
    assert in_circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()}) == {"a", "b", "c"}
    assert not in_circles({"a": {"b"}, "b": {"c"}, "c": set()})


def test_no_folder_holds_too_many_modules() -> None:
    folders = [path.parent for path in our_modules().values() if path.name != "__init__.py"]
    assert not {str(one) for one in folders if folders.count(one) > MOST_MODULES}


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = our_modules()
    modules = {name: path for name, path in known.items() if path.name != "__init__.py"}
    graph = {name: imported(parse(path), modules) - {name} for name, path in modules.items()}
    assert not in_circles(graph)


def twins(paths: list[Path]) -> set[str]:
    """Modules that have the name of a folder beside them: an import could mean either."""
    return {str(path) for path in paths if path.with_suffix("") in {one.parent for one in paths}}


def test_no_two_modules_of_one_package_have_one_name() -> None:
    assert not twins(list(our_modules().values()))


def test_the_rule_against_twins_sees_what_it_should() -> None:
    assert twins([Path("core/jobs.py"), Path("core/jobs/store.py")]) == {"core/jobs.py"}
    assert not twins([Path("core/jobs.py"), Path("core/io/files.py")])
