"""Core's only access to the training scripts: their tables of hyperparameters and architectures,
free of torch.

The scripts expect fieldmark_ml beside them, because they are shipped as one folder.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from core import settings
from core.errors import UserError

sys.path.append(str(settings.SM_SCRIPTS))
try:
    from fieldmark_ml import architectures, hyperparameters  # type: ignore[import-not-found]
    from fieldmark_ml.engines import first_use  # type: ignore[import-not-found]
finally:
    sys.path.remove(str(settings.SM_SCRIPTS))

Hyperparameter = hyperparameters.Hyperparameter
TABLE = hyperparameters.TABLE
BY_NAME = hyperparameters.BY_NAME
ARCHITECTURES = architectures.ARCHITECTURES
PRESETS = architectures.PRESETS
VIEWS = architectures.VIEWS
AUTO = hyperparameters.AUTO
import_openvino = first_use.import_openvino

# Set by the backend, so a form does not offer it.
OURS = ("checkpoint_dir", "dataset_id", "dataset_version", "name")


def check(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the typed hyperparameters, `auto` resolved.

    Raises UserError naming the field that can't be used.
    """
    try:
        return hyperparameters.resolve(hyperparameters.parse(values))
    except hyperparameters.BadValue as error:
        raise UserError(str(error), field=error.field) from error


def problem(name: str, value: str) -> str:
    """Return why this value can't be used for this hyperparameter, or an empty string."""
    try:
        hyperparameters.parse({name: value})
    except hyperparameters.BadValue as error:
        return str(error)
    return ""


def downloads(arch: str) -> list[str]:
    """Return the architectures of an `--arch` list whose weights must be downloaded."""
    names = [choice.name for choice in architectures.parse_arch(arch)]
    return [
        name for name in names if name not in ARCHITECTURES or ARCHITECTURES[name].needs_download
    ]


def choices(arch: str) -> list[Any]:
    """Return the backbones of an `--arch` list, in order, each with `name` and `image_size`.

    Raises ValueError for a list that can't be read.
    """
    found: list[Any] = architectures.parse_arch(arch)
    return found
