"""A copy of the part of timm's model code that some backbones need, to be stored in an artifact.

A serving container has no timm and may not install anything, so the artifact includes the modules
it needs. The copy is made of timm's own files; imports between them become relative, so that the
package works under any name beside an installed timm. The two things timm imports from torchvision
(which takes a second) are left out: inference uses neither.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
from pathlib import Path

from fieldmark_ml.runtime import TrainingError

# Beside train.py, the source_dir of a job on SageMaker.
SENT_ALONG = Path(__file__).parents[2] / "timm_models"
_MODELS_INIT = (
    '"""The modules of timm.models that the model is built from; each is imported by name."""\n'
)
_DATA_INIT = "from .constants import *\n"
_TORCHVISION = '''"""Stands in for the one class of torchvision that timm.layers names; \
nothing here makes or meets one."""
from torch.nn import Module


class FrozenBatchNorm2d(Module):
    pass
'''


def timm_folder() -> Path:
    """Return the folder of timm's source: the copy uploaded with these scripts, for a container
    that may install nothing, or the installed one."""
    if (SENT_ALONG / "version.py").is_file():
        return SENT_ALONG
    spec = importlib.util.find_spec("timm")
    if not spec or not spec.origin:
        raise TrainingError("timm is not installed; run: pip install -r requirements.txt")
    return Path(spec.origin).parent


def module_of(timm_name: str) -> str:
    """Return the module of timm.models that defines `timm_name` (`tf_efficientnet_lite0` ->
    `efficientnet`), read without importing it.

    Raises TrainingError for a name timm does not have.
    """
    function = timm_name.split(".")[0]
    definition = re.compile(rf"^@register_model\ndef {re.escape(function)}\(", re.MULTILINE)
    for path in sorted((timm_folder() / "models").glob("[a-z]*.py")):
        if definition.search(path.read_text(encoding="utf-8")):
            return path.stem
    raise TrainingError(
        f"timm has no model {timm_name!r}; its list is at https://huggingface.co/timm"
    )


def version_key(timm_names: list[str]) -> str:
    """Return the name of a copy, which depends on timm's version, the backbones and the way of
    copying."""
    version = (timm_folder() / "version.py").read_text()
    modules = sorted({module_of(name) for name in timm_names})
    text = f"{version}{modules}{Path(__file__).read_text()}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def copy(timm_names: list[str], into: Path) -> None:
    """Write the package for `timm_names` into the new folder `into`.

    A copy is cached beside the features if there is that channel: making one takes longer than
    training a head.
    """
    shutil.rmtree(into, ignore_errors=True)
    channel = os.environ.get("SM_CHANNEL_FEATURES")
    if not channel:
        _make(timm_names, into)
        return
    kept = Path(channel) / "packages" / version_key(timm_names)
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=kept.parent) as folder:
            _make(timm_names, Path(folder) / kept.name)
            with contextlib.suppress(OSError):  # another job made it first
                (Path(folder) / kept.name).rename(kept)
    shutil.copytree(kept, into)


def _make(timm_names: list[str], into: Path) -> None:
    source = timm_folder()
    for part in ("models", "layers", "data"):
        (into / part).mkdir(parents=True)
    for path in sorted((source / "layers").glob("*.py")):
        _write(path, into / "layers" / path.name)
    for name in sorted(_needed(source / "models", {module_of(name) for name in timm_names})):
        _write(source / "models" / f"{name}.py", into / "models" / f"{name}.py")
    shutil.copyfile(source / "data" / "constants.py", into / "data" / "constants.py")
    shutil.copyfile(source / "version.py", into / "version.py")
    (into / "__init__.py").write_text("from .version import __version__ as __version__\n")
    (into / "models" / "__init__.py").write_text(_MODELS_INIT)
    (into / "data" / "__init__.py").write_text(_DATA_INIT)
    for part in ("layers", "models"):
        (into / part / "_torchvision.py").write_text(_TORCHVISION)


def _needed(folder: Path, start: set[str]) -> set[str]:
    """Return `start` and every sibling module that they import, directly or not."""
    found, waiting = set(), set(start)
    while waiting:
        name = waiting.pop()
        found.add(name)
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                waiting |= {
                    part for part in _siblings(node) if (folder / f"{part}.py").is_file()
                } - found
    return found


def _siblings(node: ast.ImportFrom) -> set[str]:
    module = node.module or ""
    if node.level == 1:
        if not module:
            return {alias.name for alias in node.names}
        return {module.split(".")[0]}
    # timm.models.x as timm writes it, ..models.x as a copy does.
    match = re.fullmatch(r"(?:timm\.)?models\.(\w+)", module)
    if match and node.level in (0, 2):
        return {match[1]}
    return set()


def _write(source: Path, target: Path) -> None:
    text = source.read_text(encoding="utf-8")
    text = re.sub(r"^(\s*)from timm\.(\w+)", r"\1from ..\2", text, flags=re.MULTILINE)
    text = re.sub(r"^(\s*)from timm import", r"\1from .. import", text, flags=re.MULTILINE)
    text = re.sub(
        r"^(\s*)from torchvision[\w.]* import",
        r"\1from ._torchvision import",
        text,
        flags=re.MULTILINE,
    )
    target.write_text(text, encoding="utf-8")
