"""What the account may have at once, and what things cost."""

from __future__ import annotations

import hashlib
import json

from tests.sagemaker.emulator.errors import ApiError, invalid
from tests.sagemaker.emulator.world import REGION, Record, World, cut

# USD an hour, us-east-1: enough of a price list to ask it questions, and no more up to date than that.
PRICES = {
    ("ml.t3.medium", "Hosting"): 0.05,
    ("ml.m5.large", "Training"): 0.115,
    ("ml.m5.large", "Hosting"): 0.115,
    ("ml.m5.large", "Transform"): 0.115,
    ("ml.m5.xlarge", "Training"): 0.23,
    ("ml.m5.xlarge", "Hosting"): 0.23,
    ("ml.m5.xlarge", "Transform"): 0.23,
    ("ml.c5.xlarge", "Training"): 0.204,
    ("ml.c5.xlarge", "Hosting"): 0.204,
    ("ml.g4dn.xlarge", "Training"): 0.736,
    ("ml.g4dn.xlarge", "Hosting"): 0.736,
    ("ml.g5.2xlarge", "Training"): 1.515,
}
USES = ("training job usage", "spot training job usage", "endpoint usage", "transform job usage")
TYPES = (
    "ml.t3.medium",
    "ml.m5.large",
    "ml.m5.xlarge",
    "ml.c5.xlarge",
    "ml.g4dn.xlarge",
    "ml.g5.xlarge",
    "ml.g5.2xlarge",
    "ml.p3.2xlarge",
)
# What a new account may have for serverless endpoints, with the unit.
SERVERLESS_MEMORY = "Memory size in MB per serverless endpoint"
SERVERLESS_CONCURRENCY = (
    "Maximum total concurrency that can be allocated across all serverless endpoints"
)
SERVERLESS = {SERVERLESS_MEMORY: 3072, SERVERLESS_CONCURRENCY: 10}
# What one job may have at most, with the unit, unless `Settings.quotas` says otherwise.
LONGEST_RUN = "Longest run time for a training job"
INSTANCES_OF_A_JOB = "Maximum number of instances per training job"
PARALLEL_TRIALS = "Maximum number of parallel training jobs per hyperparameter tuning job"
TRIALS = "Maximum number of training jobs per hyperparameter tuning job"
OF_A_JOB = {LONGEST_RUN: 5 * 86_400, INSTANCES_OF_A_JOB: 20, PARALLEL_TRIALS: 10, TRIALS: 750}
# A new account has none of these.
NONE_AT_FIRST = ("ml.g", "ml.p")


class Account:
    """Counts the instances that run, by type and use."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._used: dict[str, int] = {}

    def quota(self, name: str) -> int:
        """Return how many instances "<type> for <use>" may have."""
        settings = self._world.settings
        usual = 0 if name.startswith(NONE_AT_FIRST) else settings.default_quota
        return settings.quotas.get(name, {**SERVERLESS, **OF_A_JOB}.get(name, usual))

    def take(self, instance_type: str, use: str, count: int) -> None:
        """ResourceLimitExceeded where there would be more than the quota allows."""
        self._take(f"{instance_type} for {use}", "Instances", count)

    def take_serverless(self, memory_mb: int, concurrency: int) -> None:
        """The same for a serverless endpoint: its memory counts alone, its concurrency with
        others'."""
        with self._world.lock:
            self._require(SERVERLESS_MEMORY, "MBs", 0, memory_mb)
            self._take(SERVERLESS_CONCURRENCY, "Invocations", concurrency)

    def require_limits(self, request: Record) -> None:
        """ResourceLimitExceeded for a training job that is longer or larger than one may be."""
        stopping, resources = request["StoppingCondition"], request["ResourceConfig"]
        self._require(LONGEST_RUN, "Seconds", 0, stopping.get("MaxRuntimeInSeconds", 86_400))
        self._require(INSTANCES_OF_A_JOB, "Instances", 0, resources["InstanceCount"])

    def require_trials(self, parallel: int, total: int, before: int) -> None:
        """The same for a tuning job; the trials that it learns from, `before`, count as its own."""
        self._require(PARALLEL_TRIALS, "Training jobs", 0, parallel)
        self._require(TRIALS, "Training jobs", before, total)

    def give_back_serverless(self, concurrency: int) -> None:
        with self._world.lock:
            self._used[SERVERLESS_CONCURRENCY] -= concurrency

    def _take(self, name: str, unit: str, count: int) -> None:
        with self._world.lock:
            used = self._used.get(name, 0)
            self._require(name, unit, used, count)
            self._used[name] = used + count

    def _require(self, name: str, unit: str, used: int, more: int) -> None:
        most = self.quota(name)
        if used + more > most:
            raise ApiError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{name}' is {most} {unit}, with current utilization of {used} {unit} and a "
                f"request delta of {more} {unit}. Please use AWS Service Quotas to request an increase for this quota. If AWS "
                "Service Quotas is not available, contact AWS support to request an increase for this quota.",
            )

    def give_back(self, instance_type: str, use: str, count: int) -> None:
        with self._world.lock:
            self._used[f"{instance_type} for {use}"] -= count

    def list_service_quotas(self, request: Record) -> Record:
        """Only those with an applied value, as AWS does."""
        return self._listed(request, self._names() - {*self._world.settings.not_applied})

    def list_aws_default_service_quotas(self, request: Record) -> Record:
        return self._listed(request, self._names())

    def _names(self) -> set[str]:
        settings = self._world.settings
        named = {f"{kind} for {use}" for kind in TYPES for use in USES} | {*settings.quotas}
        named |= {*SERVERLESS, *OF_A_JOB}
        return named - {*settings.not_listed}

    def _listed(self, request: Record, names: set[str]) -> Record:
        _only_sagemaker(request)
        rows, token = cut([self._described(name) for name in sorted(names)], request, default=100)
        return {"Quotas": rows, **token}

    def get_service_quota(self, request: Record) -> Record:
        _only_sagemaker(request)
        found = [
            row
            for row in self.list_service_quotas({**request, "MaxResults": 10_000})["Quotas"]
            if row["QuotaCode"] == request["QuotaCode"]
        ]
        if not found:
            raise ApiError(
                "NoSuchResourceException",
                "The request failed because the specified quota does not exist.",
            )
        return {"Quota": found[0]}

    def _described(self, name: str) -> Record:
        code = f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"
        value = float(self.quota(name))
        return {"ServiceCode": "sagemaker", "ServiceName": "Amazon SageMaker", "QuotaCode": code, "QuotaName": name, "Value": value,
                "Unit": "None", "Adjustable": True, "GlobalQuota": False}  # fmt: skip

    def get_products(self, request: Record) -> Record:
        if request.get("ServiceCode") != "AmazonSageMaker":
            raise invalid("The emulator only has a price list of AmazonSageMaker.")
        wanted = {rule["Field"]: rule["Value"] for rule in request.get("Filters", [])}
        products = [_product(kind, use, usd) for (kind, use), usd in PRICES.items()]
        rows = [
            item
            for item in products
            if all(
                item["product"]["attributes"].get(field) == value for field, value in wanted.items()
            )
        ]
        rows, token = cut(rows, request, default=100)
        return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(row) for row in rows], **token}


def _only_sagemaker(request: Record) -> None:
    if request.get("ServiceCode") != "sagemaker":
        raise ApiError("NoSuchResourceException", "The emulator only has quotas of sagemaker.")


def _product(kind: str, use: str, usd: float) -> Record:
    attributes = {
        "servicecode": "AmazonSageMaker",
        "productFamily": "ML Instance",
        "instanceName": kind,
        "instanceType": f"{kind}-{use}",
        "component": use,
        "platoinstancename": kind,
        "platoinstancetype": use,
        "regionCode": REGION,
        "location": "US East (N. Virginia)",
    }
    price = {
        "unit": "Hrs",
        "pricePerUnit": {"USD": f"{usd:.10f}"},
        "description": f"${usd} per {use} {kind} hour in US East (N. Virginia)",
    }
    sku = hashlib.sha256(f"{kind}{use}".encode()).hexdigest()[:16].upper()
    terms = {
        "OnDemand": {
            f"{sku}.JRTCKXETXF": {
                "priceDimensions": {f"{sku}.JRTCKXETXF.6YS6EN2CT7": price},
                "effectiveDate": "2026-11-01T00:00:00Z",
            }
        }
    }
    return {
        "product": {"sku": sku, "productFamily": "ML Instance", "attributes": attributes},
        "serviceCode": "AmazonSageMaker",
        "terms": terms,
    }
