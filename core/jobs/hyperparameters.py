"""Hyperparameters and job names in a form that both backends pass to the training script safely."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from core import settings
from core.errors import UserError

# Both of AWS's container contracts pass names and values of these shapes safely, one of them
# through a shell file.
HYPERPARAMETER_NAME = re.compile(r"[a-z][a-z0-9_]*")
CARRIED_AS_IT_IS = "_.,:/+@ -"
HYPERPARAMETER_VALUE = re.compile(r"[A-Za-z0-9_.,:/+=@ -]{0,256}")


def carried_name(name: str) -> str:
    """Return a job's name as an argument of the training script, which decodes it: bytes of UTF-8
    that a backend can't pass safely, and a leading hyphen, become =XX. At most 960 characters;
    SageMaker allows 2,500."""
    carried = quote(name[: settings.MAX_NAME_LENGTH], safe=CARRIED_AS_IT_IS).replace("%", "=")
    return carried if carried[:1] not in ("-", " ") else f"={ord(carried[0]):02X}{carried[1:]}"


def check_hyperparameters(values: Mapping[str, str]) -> None:
    """Raise UserError naming the first hyperparameter that a backend can't pass safely."""
    for name, value in values.items():
        if not HYPERPARAMETER_NAME.fullmatch(name):
            raise UserError(
                f"{name!r} is not a hyperparameter name: use lower-case letters, digits and _.",
                field=name,
            )
        if not isinstance(value, str) or not HYPERPARAMETER_VALUE.fullmatch(value):
            raise UserError(
                f"{name}: {str(value)[:60]!r} can't be passed to a job. Use letters, digits, "
                "spaces and _ . , : / + = @ - (at most 256).",
                field=name,
            )
