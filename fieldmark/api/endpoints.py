"""Endpoints from Python: start one, ask it, end it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core import backends
from core.backends import LOCAL, EndpointState
from core.backends.ask import ask_all
from core.errors import NotFound
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec
from fieldmark.api import work
from fieldmark.api.work import JobFailed, Standing, Tell, silent


@dataclass(frozen=True)
class Endpoint:
    """A server for one model. `url` answers POST /invocations with the bytes of a photo."""

    id: str
    name: str
    model_id: str
    where: str
    state: str
    url: str

    def predict(self, photos: str | Path | Iterable[str | Path]) -> pd.DataFrame:
        """Classify photos. Return a row per photo, in the given order: path, label, probability,
        unsure, unfamiliar, error ("" unless there is no answer).

        Raises UserError if a file is missing, NotFound if the endpoint is gone.
        """
        given = work.paths(photos)
        answers = dict(
            ask_all(_live(self.id), {str(number): path for number, path in enumerate(given)})
        )
        return pd.DataFrame([_row(path, answers[str(number)]) for number, path in enumerate(given)])

    def delete(self) -> None:
        """End the endpoint. Nothing happens if it is gone."""
        try:
            found = _live(self.id)
        except NotFound:
            return
        backends.of(found).delete(found)


def _row(path: Path, answer: dict[str, object]) -> dict[str, object]:
    ranked = answer.get("predictions")
    best: dict[str, object] = {}
    if isinstance(ranked, list) and ranked:
        best = ranked[0]
    return {
        "path": str(path),
        "label": best.get("label", ""),
        "probability": best.get("probability"),
        "unsure": bool(answer.get("unsure", False)),
        "unfamiliar": bool(answer.get("unfamiliar", False)),
        "error": str(answer.get("failed", "")),
    }


def endpoints() -> list[Endpoint]:
    """Return the endpoints of every platform, newest first."""
    return [_handle(found) for found in backends.endpoints()]


def endpoint(wanted: str) -> Endpoint:
    """Return the endpoint with this id or name. Raises NotFound, or UserError if several have
    it."""
    return work.one(endpoints(), wanted, "endpoint")


def local_of(model_id: str) -> Endpoint | None:
    """Return the newest endpoint of the model that answers on this machine, if there is one."""
    for found in LOCAL.endpoints():
        if found.model_id == model_id and found.state is EndpointState.IN_SERVICE:
            return _handle(found)
    return None


def deploy(
    model_id: str, name: str, *, hours: float = 0, port: int = 0, tell: Tell = silent
) -> Endpoint:
    """Start an endpoint on this machine and wait until it answers. Raises JobFailed."""
    made = LOCAL.deploy(EndpointSpec(name, model_id, seconds=hours * 3600, port=port))
    while (found := _live(made.id)).state is EndpointState.CREATING:
        tell(Standing(found.details.phase or "Starting"))
        time.sleep(work.LOOK_SECONDS)
    if found.state is not EndpointState.IN_SERVICE:
        raise JobFailed(jobs.read(made.id))
    return _handle(found)


def _live(endpoint_id: str) -> backends.Endpoint:
    for found in backends.endpoints():
        if found.id == endpoint_id:
            return found
    raise NotFound(f"The endpoint {endpoint_id} is gone. Start it again.")


def _handle(found: backends.Endpoint) -> Endpoint:
    return Endpoint(
        found.id, found.name, found.model_id, found.backend, str(found.state), found.url
    )
