"""What of ours in the account is not needed any more: found, shown, and only then removed, one thing after the other.

Nothing that Fieldmark did not make is ever touched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import jobs
from core.backends.sagemaker import connection, hosting
from core.backends.sagemaker.account import Account
from core.backends.sagemaker.running import Running
from core.backends.sagemaker.storage import Store
from core.errors import BackendError, NotFound
from core.jobs import ID_PATTERN, RunFolder
from core.specs import EndpointSpec

# What a watcher is just making has no endpoint yet, and is not litter.
YOUNG_SECONDS = 3600.0
MOST = 500
DELETE_AT_ONCE = 1000
PARTS = ("jobs", "transform", "captured")


@dataclass(frozen=True)
class Doomed:
    """One thing that could go. `kind`: endpoint, model, configuration or objects; `usd_per_hour` is what that saves.

    `sure`: it is of no use to anybody; otherwise it may belong to a colleague's Fieldmark in the same account.
    """

    kind: str
    name: str
    why: str
    usd_per_hour: float = 0.0
    size_bytes: int = 0
    sure: bool = False


@dataclass(frozen=True)
class Done:
    """What became of one of them; `problem` is '' where it is gone."""

    doomed: Doomed
    problem: str = ""


def plan(account: Account, found: Running) -> list[Doomed]:
    """The dry run: what would be removed, and why. Raises BackendError where AWS can't be asked."""
    client = connection.client("sagemaker", region=account.region)
    return [*_endpoints(found), *_leftovers(client, found), *_objects(Store(account))]


def carry_out(account: Account, chosen: Sequence[Doomed]) -> Iterator[Done]:
    """Removes them; what AWS refuses is said, and the others still go."""
    client = connection.client("sagemaker", region=account.region)
    for doomed in chosen:
        if not ID_PATTERN.match(doomed.name):
            yield Done(doomed, "It does not bear a name of Fieldmark's, so it is left alone.")
            continue
        try:
            yield Done(doomed, _remove(client, account, doomed))
        except BackendError as error:
            yield Done(doomed, str(error))


def _endpoints(found: Running) -> Iterator[Doomed]:
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
            yield Doomed("endpoint", resource.name, ", ".join(why), resource.usd_per_hour or 0.0, sure=sure)


def _leftovers(client: Any, found: Running) -> Iterator[Doomed]:
    """Models and configurations of ours that no endpoint or running job uses; they cost nothing, but are in the way."""
    used = {resource.name for resource in found.resources}
    for kind, operation, key, name in (
        ("configuration", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        ("model", "list_models", "Models", "ModelName"),
    ):
        with connection.asking(f"listing each {kind}"):
            pages = client.get_paginator(operation).paginate(NameContains="fm-", PaginationConfig={"MaxItems": MOST, "PageSize": 100})
            for entry in (entry for page in pages for entry in page.get(key, [])):
                if ID_PATTERN.fullmatch(entry[name]) and entry[name] not in used and _is_old(entry):
                    yield Doomed(kind, entry[name], "no endpoint or running job uses it", sure=True)


def _is_old(entry: Mapping[str, Any]) -> bool:
    return time.time() - float(entry["CreationTime"].timestamp()) > YOUNG_SECONDS


def _objects(store: Store) -> Iterator[Doomed]:
    """What jobs and endpoints kept in the bucket that are not on this machine any more."""
    for part in PARTS:
        sizes: dict[str, int] = {}
        for key, size in _sizes(store, f"{part}/"):
            name = key.split("/")[1]
            sizes[name] = sizes.get(name, 0) + size
        for name, size in sizes.items():
            if ID_PATTERN.fullmatch(name) and not _is_here(name):
                yield Doomed("objects", name, f"{part} in the bucket, and the job is not on this machine any more", size_bytes=size)


def _sizes(store: Store, prefix: str) -> Iterator[tuple[str, int]]:
    start = len(store.account.key("x")) - 1
    with connection.asking(f"listing {store.uri(prefix)}"):
        pages = store.client.get_paginator("list_objects_v2").paginate(Bucket=store.account.bucket, Prefix=store.account.key(prefix))
        for page in pages:
            for entry in page.get("Contents", []):
                yield entry["Key"][start:], int(entry["Size"])


def _remove(client: Any, account: Account, doomed: Doomed) -> str:
    """'' once it is gone, else why not."""
    if doomed.kind == "endpoint":
        _tell_watcher(doomed.name)
        hosting.unscale(doomed.name, connection.client("application-autoscaling", region=account.region))
        return "" if hosting.remove(client, doomed.name) else "It is still being made, and can be deleted once it is. Try again then."
    if doomed.kind == "configuration":
        with connection.asking(f"deleting the configuration {doomed.name}"):
            client.delete_endpoint_config(EndpointConfigName=doomed.name)
        return ""
    if doomed.kind == "model":
        hosting.remove(client, doomed.name, only_model=True)
        return ""
    store = Store(account)
    for part in PARTS:
        delete_objects(store, f"{part}/{doomed.name}/")
    return ""


def delete_objects(store: Store, prefix: str) -> None:
    """Deletes every object whose key begins so. Raises BackendError where AWS refuses."""
    waiting = [key for key, _ in _sizes(store, prefix)]
    for start in range(0, len(waiting), DELETE_AT_ONCE):
        doomed = [{"Key": store.account.key(key)} for key in waiting[start : start + DELETE_AT_ONCE]]
        with connection.asking(f"deleting {store.uri(prefix)}"):
            store.client.delete_objects(Bucket=store.account.bucket, Delete={"Objects": doomed, "Quiet": True})


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
