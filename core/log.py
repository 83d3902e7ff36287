"""The log of the app, its workers and its watchers: lines on standard error, which a worker
redirects to its job's log. Secrets are removed.

Modules log by `logging.getLogger` under their own names. The output of training scripts is not part
of this log.
"""

from __future__ import annotations

import logging
import os
import re
import sys

from core import settings
from core.errors import UserError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
USUAL = "INFO"
# Only Fieldmark's loggers: libraries may log whole requests.
LOGGERS = ("core", "ui")
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
HIDDEN = "***"

_NAME = r"secret|passw(?:or)?d|passphrase|token|api_?key|access_?key|authorization|signature"
_SECRET_NAMES = re.compile(_NAME, re.IGNORECASE)
# Shorter secrets would remove ordinary words from the lines.
_LEAST_LENGTH = 8
_SECRETS = (
    # The user and the password of an address.
    re.compile(r"(?P<before>://)[^/\s@'\"]+(?=@)"),
    re.compile(r"(?P<before>\bBearer\s+)[\w.~+/=-]{8,}", re.IGNORECASE),
    re.compile(
        rf"(?P<before>[\w-]*(?:{_NAME}|x-amz-credential)[\w-]*[\"']?\s*[=:]\s*[\"']?)"
        r"(?:(?:Bearer|Basic)\s+)?[^\s\"',;&)}\]]+",
        re.IGNORECASE,
    ),
    # AWS's key ids, and strings that look like its secret keys.
    re.compile(r"(?P<before>)\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    re.compile(
        r"(?P<before>)(?<![\w/+=.-])"
        r"(?=[\w/+]*[A-Z])(?=[\w/+]*[a-z])(?=[\w/+]*\d)[A-Za-z0-9/+]{40}(?![\w/+=-]|\.\w)"
    ),
    # Tokens of model hubs and code hosts, and signed tokens.
    re.compile(r"(?P<before>)\b(?:hf_|gh[opsur]_|github_pat_|glpat-|sk-)[\w-]{16,}"),
    re.compile(r"(?P<before>)\beyJ[\w-]+\.[\w-]+\.[\w-]*"),
)


class Secrets(logging.Filter):
    """Removes secrets from a record: from its message and its tracebacks."""

    _plain = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_secrets(record.getMessage()), ()
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = self._plain.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = without_secrets(record.exc_text)
        if record.stack_info:
            record.stack_info = without_secrets(record.stack_info)
        return True


class _StandardError(logging.Handler):
    """Writes to the current standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)


def begin() -> None:
    """Set up logging at the level of FIELDMARK_LOG; may be called again. Raises UserError for an
    unknown level."""
    wanted = level()
    handler = _StandardError()
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(Secrets())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(wanted)
        logger.handlers[:] = [handler]


def level() -> str:
    """Return the level in FIELDMARK_LOG, or the default."""
    given = os.environ.get(settings.ENV_LOG, "").strip()
    if not given:
        return USUAL
    if given.upper() not in LEVELS:
        words = f"{settings.ENV_LOG} is {without_secrets(given)!r}, which is not a log level."
        raise UserError(f"{words} Use one of {', '.join(LEVELS)}.", field=settings.ENV_LOG)
    return given.upper()


def without_secrets(text: str) -> str:
    """Return the text with HIDDEN in place of the secrets of this process and of strings that look
    like secrets."""
    for secret in _known():
        text = text.replace(secret, HIDDEN)
    for pattern in _SECRETS:
        text = pattern.sub(rf"\g<before>{HIDDEN}", text)
    return text


def _known() -> list[str]:
    """Return the values of environment variables whose names look like secrets, longest first."""
    found = {
        value
        for name, value in os.environ.items()
        if _SECRET_NAMES.search(name) and len(value) >= _LEAST_LENGTH
    }
    return sorted(found, key=len, reverse=True)
