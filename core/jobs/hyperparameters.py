"""What the training script is given by name: hyperparameters, and the name of its job, as both
backends carry them safely."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from core import settings
from core.errors import UserError

# Both of AWS's container contracts carry names and values of these shapes safely, one of them
# through a shell file.
HYPERPARAMETER_NAME = re.compile(r"[a-z][a-z0-9_]*")
CARRIED_AS_IT_IS = "_.,:/+@ -"
HYPERPARAMETER_VALUE = re.compile(r"[A-Za-z0-9_.,:/+=@ -]{0,256}")


def carried_name(name: str) -> str:
    """A job's name as an argument of the training script, which reads it back: what neither backend
    carries safely, and a hyphen first, which would be an option, as =XX, a byte of UTF-8 each. At
    most 960 characters; SageMaker takes 2,500.
    """
    carried = quote(name[: settings.MAX_NAME_LENGTH], safe=CARRIED_AS_IT_IS).replace("%", "=")
    return carried if carried[:1] not in ("-", " ") else f"={ord(carried[0]):02X}{carried[1:]}"


def check_hyperparameters(values: Mapping[str, str]) -> None:
    """UserError naming the first hyperparameter that either backend could not carry safely."""
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
