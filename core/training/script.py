"""The one place where core looks into the training scripts: their tables of hyperparameters and
architectures, free of torch.

The scripts find fieldmark_ml beside them, for they travel as one folder; so do these three, once.
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

# What the backend sets itself, so that a form does not offer it.
OURS = ("checkpoint_dir", "dataset_id", "dataset_version", "name")


def check(values: Mapping[str, str]) -> dict[str, Any]:
    """The typed hyperparameters, `auto` resolved.

    UserError naming the field that cannot be used.
    """
    try:
        return hyperparameters.resolve(hyperparameters.parse(values))
    except hyperparameters.BadValue as error:
        raise UserError(str(error), field=error.field) from error


def problem(name: str, value: str) -> str:
    """Why this value cannot be used for this hyperparameter, or the empty string."""
    try:
        hyperparameters.parse({name: value})
    except hyperparameters.BadValue as error:
        return str(error)
    return ""


def downloads(arch: str) -> list[str]:
    """The architectures of an `--arch` list whose weights a job would have to download."""
    names = [choice.name for choice in architectures.parse_arch(arch)]
    return [
        name for name in names if name not in ARCHITECTURES or ARCHITECTURES[name].needs_download
    ]


def choices(arch: str) -> list[Any]:
    """The backbones that an `--arch` list names, in order, each with `name` and `image_size`.

    ValueError says what is wrong.
    """
    found: list[Any] = architectures.parse_arch(arch)
    return found
