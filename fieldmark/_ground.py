"""Find the parts that Fieldmark is made of: beside this package in a checkout, below it in an
installed one."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_INSTALLED = _HERE / "_app"
# What this package needs of them; the app itself runs in a process of its own.
_PARTS = ("core", "sm_scripts")


def folder() -> Path:
    """Return the folder of app.py, core and sm_scripts."""
    if _INSTALLED.is_dir():
        return _INSTALLED
    return _HERE.parent


def lay() -> None:
    """Make core and sm_scripts importable, without changing the search path of the process.

    Raises ImportError if the process has imported another package of such a name.
    """
    for name in _PARTS:
        place = folder() / name
        known = sys.modules.get(name)
        if known is None:
            _load(name, place)
        elif place not in map(Path, getattr(known, "__path__", ())):
            raise ImportError(
                f"Another package is called {name!r} ({getattr(known, '__file__', '')}), and "
                "Fieldmark has one of that name, too. Import fieldmark in a process without it."
            )


def _load(name: str, place: Path) -> None:
    init = place / "__init__.py"
    if init.is_file():
        spec = importlib.util.spec_from_file_location(
            name, init, submodule_search_locations=[str(place)]
        )
    else:
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(place)]
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if spec.loader:
        spec.loader.exec_module(module)


lay()
