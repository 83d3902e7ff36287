"""What of ours in the account is not needed any more: found, shown, and only then removed, one
thing after the other.

Nothing that Fieldmark did not make is ever touched.
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

# What a watcher is just making has no endpoint yet, and is not litter.
YOUNG_SECONDS = 3600.0
MOST = 500
PARTS = ("jobs", "transform", "captured")
# What a person calls the parts of the bucket that jobs share.
SHARED = {"code": "scripts", "weights": "weights", "models": "archives", "images": "photos"}
VERSION = "dataset version"


@dataclass(frozen=True)
class Candidate:
    """One thing that could go.

    `kind`: endpoint, model, configuration, objects, or one of what is shared; `usd_per_hour` is
    what that saves.

    `sure`: it is of no use to anybody; otherwise it may belong to a colleague's Fieldmark in the
    same account. `stored`: it lies in the bucket; `shared`: for any job that needs it, see
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
    """What became of one of them; `problem` is '' where it is gone."""

    candidate: Candidate
    problem: str = ""


def plan(account: Account, found: Running) -> list[Candidate]:
    """The dry run: what would be removed, and why. Raises BackendError where AWS can't be asked."""
    client = connection.client("sagemaker", region=account.region)
    return [*_endpoints(found), *_leftovers(client, found), *_objects(Store(account))]


def shared(account: Account, found: Running) -> list[Candidate]:
    """What of the parts that jobs share could go as well, never surely.

    BackendError where AWS can't be asked, or it is not known for sure what is in use.
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
    """Remove them; what AWS refuses is said, and the others still go."""
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
            ("its deadline has passed", resource.is_overdue),
            ("it has failed", resource.state == "Failed"),
            ("it had no request for an hour", resource.is_idle),
            ("nothing on this machine knows it", not _is_here(resource.name)),
        )
        why = [words for words, holds in reasons if holds]
        if why:
            sure = resource.is_overdue or resource.state == "Failed"
            yield Candidate(
                "endpoint", resource.name, ", ".join(why), resource.usd_per_hour or 0.0, sure=sure
            )


def _leftovers(client: Any, found: Running) -> Iterator[Candidate]:
    """Models and configurations of ours that no endpoint or running job uses; they cost nothing,
    but are in the way."""
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
                        kind, entry[name], "no endpoint or running job uses it", sure=True
                    )


def _is_old(entry: Mapping[str, Any]) -> bool:
    return time.time() - float(entry["CreationTime"].timestamp()) > YOUNG_SECONDS


def _objects(store: Store) -> Iterator[Candidate]:
    """What jobs and endpoints kept in the bucket that are not on this machine any more."""
    for part in PARTS:
        sizes: dict[str, int] = {}
        for found in store.objects(f"{part}/"):
            name = found.key.split("/")[1]
            sizes[name] = sizes.get(name, 0) + found.size_bytes
        for name, size in sizes.items():
            if ID_PATTERN.fullmatch(name) and not _is_here(name):
                why = f"{part} in the bucket, and the job is not on this machine any more"
                yield Candidate("objects", name, why, size_bytes=size, stored=True)


def _remove(client: Any, account: Account, candidate: Candidate) -> str:
    """'' once it is gone, else why not."""
    if candidate.shared:
        return _remove_shared(client, Store(account), candidate)
    if not ID_PATTERN.match(candidate.name):
        return "It does not bear a name of Fieldmark's, so it is left alone."
    if candidate.kind == "endpoint":
        _tell_watcher(candidate.name)
        hosting.unscale(
            candidate.name, connection.client("application-autoscaling", region=account.region)
        )
        return (
            ""
            if hosting.remove(client, candidate.name)
            else "It is still being made, and can be deleted once it is. Try again then."
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
    """What is in use is asked for again, for a person may have looked at the plan for an hour."""
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
    """Its watcher here ends the endpoint as well, and then itself."""
    try:
        jobs.read(name).folder.stop_request.touch()
    except NotFound:
        return
