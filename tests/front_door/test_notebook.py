"""The notebook runs from its first cell to its last, and draws its figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from core import settings
from tests.patience import PATIENCE

NOTEBOOK = settings.PROJECT / "docs" / "street.ipynb"
# A cell shows its last expression, as Jupyter does.
RUN = """
import ast, json, sys

space, shown = {}, []
for cell in json.load(open(sys.argv[1]))["cells"]:
    if cell["cell_type"] != "code":
        continue
    tree = ast.parse("".join(cell["source"]))
    last = None
    if isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, "cell", "exec"), space)
    if last is not None:
        value = eval(compile(last, "cell", "eval"), space)
        shown.append([type(value).__name__, getattr(value, "shape", None)])
print(json.dumps(shown))
"""


def test_the_notebook_runs_and_draws(home: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(NOTEBOOK)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(settings.PROJECT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout.splitlines()[-1])
    assert [kind for kind, _ in shown].count("Figure") == 2
    assert shown[0] == ["DataFrame", [10, 4]]
    assert shown[-1] == ["DataFrame", [6, 6]]


def test_it_holds_no_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
