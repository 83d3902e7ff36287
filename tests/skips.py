"""The skips that are allowed, each for what a machine may lack. Any other one fails the run: a test
that is skipped for a new reason would be missed by nobody."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

# The beginning of a reason, and why that is no fault.
ALLOWED = {
    "no Chromium": "browser tests need a browser of the system; `make test` installs one as root",
    "FIELDMARK_BIRDS": "real photos are never part of the repository",
    "FIELDMARK_SDK_PYTHON": "`make sdk` makes an environment of 0.9 GB, which nobody has to have",
    "The environment of the emulated containers": "its containers are made by `make containers`, which needs an index",
    "TorchServe needs Java": "the server in Java is optional; its handler runs in Python",
    "no Linux namespaces here": "macOS, and containers without the right to make them",
    "needs Linux namespaces": "the same",
    "this machine does not let us mount": "the same: a full disk is played by a small file system",
    "OpenVINO is not installed": "there is no wheel for some processors",
    "only root can make a file that": "a file of somebody else",
    "root may read everything": "the opposite",
    "refused: ": "a situation that an import refuses has no dataset to look at",
    "this file system takes the two names": "file systems that ignore case",
    "this file system refuses such a name": "file systems that take UTF-8 only",
    "this machine has one disk only": "a rename between two file systems",
    "needs the tar program": "Windows, and containers without it",
    "no /dev/full here": "Linux only",
}


def unlisted(reports: Iterable[Any]) -> list[str]:
    """Return the tests that were skipped for a reason that is not listed, with the reason."""
    found = []
    for report in reports:
        reason = re.sub(r"^Skipped: ", "", str(report.longrepr[2]))
        if not reason.startswith(tuple(ALLOWED)):
            found.append(f"{report.nodeid}: {reason}")
    return found
