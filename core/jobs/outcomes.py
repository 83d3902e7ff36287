"""How a worker's run may end besides well and badly. A module of its own: the worker runs as a program, whose classes nobody imports."""

from __future__ import annotations


class Stopped(Exception):
    """The job ended because it was asked to; its text, where it has one, says by whom."""


class Left(Exception):
    """The watcher goes, and the job that it watched goes on elsewhere."""
