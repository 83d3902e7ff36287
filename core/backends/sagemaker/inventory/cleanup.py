"""Finds Fieldmark's unused resources in the account, and deletes the chosen ones.

Resources that Fieldmark did not create are never touched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.aws import connection
from core.aws.account import Account
from core.aws.storage import Store
from core.backends.sagemaker.endpoints import hosting
from core.backends.sagemaker.inventory import look as inventory
from core.backends.sagemaker.inventory import unused_objects
from core.backends.sagemaker.inventory.kept import Running
from core.errors import BackendError, NotFound
from core.jobs import store as jobs
from core.jobs.run_folder import ID_PATTERN, RunFolder
from core.jobs.specs import EndpointSpec

# A young model may belong to an endpoint that its watcher is just creating.
YOUNG_SECONDS = 3600.0
MOST = 500
PARTS = ("jobs", "transform", "captured")
# Words for the shared parts of the bucket.
SHARED = {"code": "scripts", "weights": "weights", "models": "archives", "images": "photos"}
VERSION = "dataset version"


@dataclass(frozen=True)
class Candidate:
    """A resource that could be deleted.

    `kind`: endpoint, model, configuration, objects, or a kind of shared objects; `usd_per_hour` is
    the saving. `sure`: nobody uses it; otherwise it may belong to a colleague's Fieldmark in the
    same account. `stored`: it is in the bucket; `shared`: any job may use it, see
    unused_objects.py.
    """

    kind: str
    name: str
    why: str
    usd_per_hour: float = 0.0
    size_bytes: int = 0
    sure: bool = False
    stored: bool = False
    shared: bool = False


@dataclass(frozen=True)
class Done:
    """The result for one candidate; `problem` is '' if it was deleted."""

    candidate: Candidate
    problem: str = ""


def plan(account: Account, found: Running) -> list[Candidate]:
    """Return the unused resources and why they are unused. Raises BackendError if AWS does not
    respond."""
    client = connection.client("sagemaker", region=account.region)
    return [*_endpoints(found), *_leftovers(client, found), *_objects(Store(account))]


def shared(account: Account, found: Running) -> list[Candidate]:
    """Return unused objects that jobs share; none of them is sure.

    Raises BackendError if AWS does not respond, or if it is uncertain what is in use.
    """
    seen = unused_objects.look(
        Store(account), connection.client("sagemaker", region=account.region), found
    )
    return [
        Candidate(
            SHARED.get(one.name, VERSION),
            one.name,
            one.why,
            size_bytes=one.size_bytes,
            stored=True,
            shared=True,
        )
        for one in seen.find()
    ]


def carry_out(account: Account, chosen: Sequence[Candidate]) -> Iterator[Done]:
    """Delete the candidates one by one; a failure does not stop the others."""
    client = connection.client("sagemaker", region=account.region)
    for candidate in chosen:
        try:
            yield Done(candidate, _remove(client, account, candidate))
        except BackendError as error:
            yield Done(candidate, str(error))


def _endpoints(found: Running) -> Iterator[Candidate]:
    for resource in found.ours:
        if resource.kind != EndpointSpec.kind or not ID_PATTERN.match(resource.name):
            continue
        reasons = (
            ("past its auto-stop time", resource.is_overdue),
            ("failed", resource.state == "Failed"),
            ("no request for an hour", resource.is_idle),
            ("not known on this machine", not _is_here(resource.name)),
        )
        why = [words for words, holds in reasons if holds]
        if why:
            sure = resource.is_overdue or resource.state == "Failed"
            yield Candidate(
                "endpoint", resource.name, ", ".join(why), resource.usd_per_hour or 0.0, sure=sure
            )


def _leftovers(client: Any, found: Running) -> Iterator[Candidate]:
    """Yield our models and configurations that no endpoint or running job uses; they are free, but
    clutter the account."""
    used = {resource.name for resource in found.resources}
    for kind, operation, key, name in (
        ("configuration", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        ("model", "list_models", "Models", "ModelName"),
    ):
        with connection.translate_errors(f"listing each {kind}"):
            pages = client.get_paginator(operation).paginate(
                NameContains="fm-", PaginationConfig={"MaxItems": MOST, "PageSize": 100}
            )
            for entry in (entry for page in pages for entry in page.get(key, [])):
                if ID_PATTERN.fullmatch(entry[name]) and entry[name] not in used and _is_old(entry):
                    yield Candidate(
                        kind, entry[name], "not used by any endpoint or running job", sure=True
                    )


def _is_old(entry: Mapping[str, Any]) -> bool:
    return time.time() - float(entry["CreationTime"].timestamp()) > YOUNG_SECONDS


def _objects(store: Store) -> Iterator[Candidate]:
    """Yield the objects of jobs and endpoints that are no longer on this machine."""
    for part in PARTS:
        sizes: dict[str, int] = {}
        for found in store.objects(f"{part}/"):
            name = found.key.split("/")[1]
            sizes[name] = sizes.get(name, 0) + found.size_bytes
        for name, size in sizes.items():
            if ID_PATTERN.fullmatch(name) and not _is_here(name):
                why = f"in {part}/, but the job is no longer on this machine"
                yield Candidate("objects", name, why, size_bytes=size, stored=True)


def _remove(client: Any, account: Account, candidate: Candidate) -> str:
    """Delete one candidate; return '' or the problem."""
    if candidate.shared:
        return _remove_shared(client, Store(account), candidate)
    if not ID_PATTERN.match(candidate.name):
        return "Its name is not one of Fieldmark's, so it is not deleted."
    if candidate.kind == "endpoint":
        _tell_watcher(candidate.name)
        hosting.unscale(
            candidate.name, connection.client("application-autoscaling", region=account.region)
        )
        return (
            ""
            if hosting.remove(client, candidate.name)
            else "It is still starting and can't be deleted yet. Try again in a few minutes."
        )
    if candidate.kind == "configuration":
        with connection.translate_errors(f"deleting the configuration {candidate.name}"):
            client.delete_endpoint_config(EndpointConfigName=candidate.name)
        return ""
    if candidate.kind == "model":
        hosting.remove(client, candidate.name, only_model=True)
        return ""
    store = Store(account)
    for part in PARTS:
        store.delete(store.keys(f"{part}/{candidate.name}/"))
    return ""


def _remove_shared(client: Any, store: Store, candidate: Candidate) -> str:
    """Delete shared objects, after checking again what is in use: the search may be an hour old."""
    store.delete(
        unused_objects.look(store, client, inventory.look(store.account)).keys(candidate.name)
    )
    return ""


def _is_here(name: str) -> bool:
    try:
        return RunFolder.of(name).path.is_dir()
    except NotFound:
        return False


def _tell_watcher(name: str) -> None:
    """Ask the endpoint's watcher on this machine to delete it as well, and to end."""
    try:
        jobs.read(name).folder.stop_request.touch()
    except NotFound:
        return
