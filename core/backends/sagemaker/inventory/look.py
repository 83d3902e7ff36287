"""Lists what runs in a region: endpoints, jobs and notebooks, with instances, tags, deadlines and
requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from core.aws import account as accounts
from core.aws import connection, prices
from core.aws.account import Account
from core.backends.sagemaker import job_request
from core.backends.sagemaker.endpoints import figures as endpoint_figures
from core.backends.sagemaker.inventory import kept
from core.backends.sagemaker.inventory.kept import IDLE_SECONDS, Resource, Running, key_of
from core.errors import BackendError, NotFound
from core.io import files
from core.jobs.run_folder import ID_PATTERN

AT_ONCE = 8
MOST = 200
_looking = threading.Lock()
# When AWS was last asked, by file, whether it answered or not.
_tried: dict[Path, float] = {}


@dataclass
class _Found:
    resources: list[Resource] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def look(account: Account) -> Running:
    """List all kinds of resources in parallel.

    Raises nothing: what can't be listed is among the problems.
    """
    found = _Found()
    if not account.region:
        return Running("", time.time(), (), ("No region is set.",), key_of(account), reached=False)
    try:
        client = connection.client("sagemaker", region=account.region)
        watch = connection.client("cloudwatch", region=account.region)
    except BackendError as error:
        return Running(
            account.region, time.time(), (), (str(error),), key_of(account), reached=False
        )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        listers: dict[str, Callable[[], list[Resource]]] = {
            "endpoints": lambda: [
                _endpoint(client, watch, account, entry) for entry in _endpoints(client)
            ],
            "training jobs": lambda: [
                _training(client, account, entry) for entry in _jobs(client, "training")
            ],
            "tuning jobs": lambda: [
                _tuning(client, account, entry) for entry in _jobs(client, "tuning")
            ],
            "transform jobs": lambda: [
                _transform(client, account, entry) for entry in _jobs(client, "transform")
            ],
            "notebooks": lambda: [_notebook(account, entry) for entry in _notebooks(client)],
        }
        futures = {name: pool.submit(lister) for name, lister in listers.items()}
        for name, future in futures.items():
            try:
                found.resources += future.result()
            except BackendError as error:
                found.problems.append(f"The {name} can't be listed. {error}")
    ordered = sorted(found.resources, key=lambda resource: resource.created, reverse=True)
    reached = len(found.problems) < len(listers)
    return Running(
        account.region, time.time(), tuple(ordered), tuple(found.problems), key_of(account), reached
    )


def look_beside(older_than: float) -> None:
    """Refresh the stored answer in a thread if it is older than this; return at once."""
    try:
        account = accounts.load()
    except NotFound:
        return
    before, target = kept.kept(), kept.file()
    if not account.region or time.time() - _asked_last(before, target) < older_than:
        return
    if not _looking.acquire(blocking=False):
        return
    _tried[target] = time.time()

    def looking() -> None:
        try:
            files.write_json(target, asdict(_worth_keeping(before, look(account))))
        finally:
            _looking.release()

    threading.Thread(target=looking, daemon=True).start()


def is_looking() -> bool:
    return _looking.locked()


def _asked_last(before: Running | None, target: Path) -> float:
    tried = _tried.get(target, 0.0)
    if before is None:
        return tried
    return max(before.seen, tried)


def _worth_keeping(before: Running | None, now: Running) -> Running:
    """Return the new answer, or the previous one with its time if AWS was not reached."""
    if before is None or now.reached:
        return now
    return replace(before, reached=False, problems=now.problems)


def _endpoints(client: Any) -> list[Mapping[str, Any]]:
    with connection.translate_errors("listing the endpoints"):
        return list(_entries(client, "list_endpoints", "Endpoints", SortBy="CreationTime"))


def _jobs(client: Any, kind: str) -> list[Mapping[str, Any]]:
    operation, key = {
        "training": ("list_training_jobs", "TrainingJobSummaries"),
        "tuning": ("list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries"),
        "transform": ("list_transform_jobs", "TransformJobSummaries"),
    }[kind]
    with connection.translate_errors(f"listing the {kind} jobs"):
        statuses = ("InProgress", "Stopping")
        return [
            entry
            for status in statuses
            for entry in _entries(client, operation, key, StatusEquals=status)
        ]


def _notebooks(client: Any) -> list[Mapping[str, Any]]:
    with connection.translate_errors("listing the notebook instances"):
        return list(
            _entries(
                client, "list_notebook_instances", "NotebookInstances", StatusEquals="InService"
            )
        )


def _entries(
    client: Any, operation: str, key: str, **arguments: Any
) -> Iterator[Mapping[str, Any]]:
    pages = client.get_paginator(operation).paginate(
        **arguments, PaginationConfig={"MaxItems": MOST, "PageSize": 100}
    )
    for page in pages:
        yield from page.get(key, [])


def _endpoint(client: Any, watch: Any, account: Account, entry: Mapping[str, Any]) -> Resource:
    name, arn = str(entry["EndpointName"]), str(entry["EndpointArn"])
    with connection.translate_errors(f"describing the endpoint {name}"):
        described = client.describe_endpoint(EndpointName=name)
        config = client.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    variants, labels = config["ProductionVariants"], _tags(client, arn)
    state, created = str(described["EndpointStatus"]), described["CreationTime"].timestamp()
    now = {
        variant["VariantName"]: variant.get("CurrentInstanceCount")
        for variant in described.get("ProductionVariants", [])
    }
    parts = [
        _machines(variant, now.get(variant["VariantName"]), account.region) for variant in variants
    ]
    return Resource(
        "endpoint",
        name,
        arn,
        state,
        created,
        ours=_is_ours(name, labels),
        title=labels.get(f"{job_request.TAG}:name", ""),
        machines=", ".join(words for words, _ in parts),
        usd_per_hour=_usd_per_hour(state, [usd for _, usd in parts]),
        deadline=_seconds(labels.get(f"{job_request.TAG}:deadline", "")),
        requests=_asked(watch, name, [variant["VariantName"] for variant in variants], created),
        model_id=labels.get(f"{job_request.TAG}:model", ""),
    )


def _usd_per_hour(state: str, prices_known: list[float | None]) -> float | None:
    """Return the cost of an endpoint with these variants; None if a price is unknown."""
    if state == "Failed":  # It has no instances any more.
        return 0.0
    if None in prices_known:
        return None
    return sum(usd or 0.0 for usd in prices_known)


def _seconds(tag: str) -> float | None:
    """Return the time in a tag, or None."""
    if not tag.isdigit():
        return None
    return float(tag)


def _machines(
    variant: Mapping[str, Any], count_now: int | None, region: str
) -> tuple[str, float | None]:
    """Return the instances of a variant, and their cost per hour."""
    if serverless := variant.get("ServerlessConfig"):
        return f"serverless, {serverless['MemorySizeInMB']} MB", 0.0
    count = int(count_now or variant.get("InitialInstanceCount", 1))
    return f"{count} x {variant['InstanceType']}", prices.estimate(
        variant["InstanceType"], "hosting", region, count=count
    ).per_hour


def _asked(watch: Any, name: str, variants: list[str], created: float) -> float | None:
    """Return the requests within IDLE_SECONDS; None if CloudWatch does not respond."""
    since = max(created, time.time() - IDLE_SECONDS)
    try:
        return sum(
            endpoint_figures.invocations(watch, name, variant, since) for variant in variants
        )
    except BackendError:
        return None


def _training(client: Any, account: Account, entry: Mapping[str, Any]) -> Resource:
    name = str(entry["TrainingJobName"])
    with connection.translate_errors(f"describing the training job {name}"):
        described = client.describe_training_job(TrainingJobName=name)
    machines = described.get("ResourceConfig", {})
    state = str(described.get("SecondaryStatus") or entry["TrainingJobStatus"])
    arn = str(entry["TrainingJobArn"])
    parent = str(described.get("TuningJobArn", ""))
    made = _job(client, account, "training", name, arn, state, described, machines)
    if not parent:
        return made
    return replace(made, title=f"trial of {parent.rsplit('/', 1)[-1]}")


def _tuning(client: Any, account: Account, entry: Mapping[str, Any]) -> Resource:
    name, arn = str(entry["HyperParameterTuningJobName"]), str(entry["HyperParameterTuningJobArn"])
    labels = _tags(client, arn)
    running = entry.get("TrainingJobStatusCounters", {}).get("InProgress", 0)
    created, state = entry["CreationTime"].timestamp(), str(entry["HyperParameterTuningJobStatus"])
    # Its trials are training jobs, which cost money; the tuning job itself is free.
    return Resource(
        "tuning",
        name,
        arn,
        state,
        created,
        _is_ours(name, labels),
        labels.get(f"{job_request.TAG}:name", ""),
        f"{running} trials",
        0.0,
    )


def _transform(client: Any, account: Account, entry: Mapping[str, Any]) -> Resource:
    name = str(entry["TransformJobName"])
    with connection.translate_errors(f"describing the transform job {name}"):
        described = client.describe_transform_job(TransformJobName=name)
    machines = described.get("TransformResources", {})
    return _job(
        client,
        account,
        "transform",
        name,
        str(entry["TransformJobArn"]),
        str(described["TransformJobStatus"]),
        described,
        machines,
    )


def _job(
    client: Any,
    account: Account,
    kind: str,
    name: str,
    arn: str,
    state: str,
    described: Mapping[str, Any],
    machines: Mapping[str, Any],
) -> Resource:
    labels = _tags(client, arn)
    instance, count = str(machines.get("InstanceType", "")), int(machines.get("InstanceCount", 1))
    cost = prices.estimate(instance, kind, account.region, count=count)
    created = described["CreationTime"].timestamp()
    words = ""
    if instance:
        words = f"{count} x {instance}"
    return Resource(
        kind,
        name,
        arn,
        state,
        created,
        _is_ours(name, labels),
        labels.get(f"{job_request.TAG}:name", ""),
        words,
        cost.per_hour,
    )


def _notebook(account: Account, entry: Mapping[str, Any]) -> Resource:
    created = entry["CreationTime"].timestamp()
    instance = str(entry.get("InstanceType", ""))
    return Resource(
        "notebook",
        str(entry["NotebookInstanceName"]),
        str(entry["NotebookInstanceArn"]),
        str(entry["NotebookInstanceStatus"]),
        created,
        machines=instance,
    )


def _tags(client: Any, arn: str) -> dict[str, str]:
    """Return the tags of a resource; none without the permission to read them."""
    try:
        with connection.translate_errors("reading tags"):
            return {tag["Key"]: tag["Value"] for tag in client.list_tags(ResourceArn=arn)["Tags"]}
    except BackendError:
        return {}


def _is_ours(name: str, labels: Mapping[str, str]) -> bool:
    return labels.get(job_request.TAG) == "1" or ID_PATTERN.match(name) is not None
