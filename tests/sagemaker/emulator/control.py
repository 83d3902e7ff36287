"""The emulator's own few requests, below /emulator/: JSON in, JSON out. Tests use them through tests/sagemaker/asking.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from tests.sagemaker.emulator.world import REGION, Settings

if TYPE_CHECKING:
    from tests.sagemaker.emulator.server import Emulator

ROLE = "FieldmarkDemoRole"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


class Control:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._verbs: dict[str, Callable[[dict[str, Any]], Any]] = {
            "GET /emulator/": self._about,
            "POST /emulator/settings": self._settings,
            "POST /emulator/faults": self._add_fault,
            "DELETE /emulator/faults": self._clear_faults,
            "POST /emulator/interrupt": self._interrupt,
            "POST /emulator/fail": self._fail,
            "POST /emulator/sweep": self._sweep,
            "POST /emulator/settle": self._settle,
        }

    def prepare(self) -> None:
        """The role that the account has from the start."""
        self._emulator.world.storage.iam.create_role(
            RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST)
        )

    def answer(self, request: Request) -> Response:
        verb = self._verbs.get(f"{request.method} {request.path}")
        if verb is None:
            return Response(f"There are: {', '.join(self._verbs)}\n", 404)
        try:
            return Response(
                json.dumps(verb(json.loads(request.get_data() or b"{}"))),
                content_type="application/json",
            )
        except (ValueError, TypeError, KeyError) as error:
            return Response(
                json.dumps({"error": f"{type(error).__name__}: {error}"}),
                400,
                content_type="application/json",
            )

    def _about(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return everything a test may want to know: counts by operation, faults still waiting,
        settings, processes."""
        emulator = self._emulator
        return {
            "url": emulator.url,
            "region": REGION,
            "role": f"arn:aws:iam::123456789012:role/{ROLE}",
            "asked": dict(emulator.faults.asked),
            "done": dict(emulator.faults.done),
            "faults": emulator.faults.waiting(),
            "settings": asdict(emulator.world.settings),
        }

    def _settings(self, values: dict[str, Any]) -> dict[str, Any]:
        known = {field.name for field in fields(Settings)}
        if unknown := set(values) - known:
            raise ValueError(
                f"no such setting: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}"
            )
        for name, value in values.items():
            setattr(self._emulator.world.settings, name, value)
        return asdict(self._emulator.world.settings)

    def _add_fault(self, values: dict[str, Any]) -> None:
        self._emulator.faults.add(**values)

    def _clear_faults(self, _: dict[str, Any]) -> None:
        self._emulator.faults.clear()

    def _interrupt(self, values: dict[str, Any]) -> None:
        """Take a spot job's instances away: SIGTERM and the grace time, or at once with `"warned":
        false`."""
        self._emulator.training.interrupt(
            values["TrainingJobName"], warned=values.get("warned", True)
        )

    def _fail(self, values: dict[str, Any]) -> None:
        """The next job, of "training", "transform" or "endpoint", ends with this reason as soon as its instances should start."""
        self._emulator.world.failures[values["kind"]].append(values["reason"])

    def _sweep(self, values: dict[str, Any]) -> None:
        self._emulator.sweep(values.get("since", 0.0))

    def _settle(self, _: dict[str, Any]) -> None:
        """Return when every line that has been printed until now is in its log."""
        self._emulator.world.storage.lines.settle()
