"""CloudWatch's figures of an endpoint, under the names that a local endpoint uses."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from core.aws import connection
from core.aws.documents import Json

NAMESPACE = "AWS/SageMaker"
# Latencies cover only the last hours; requests all time.
LATENCY_SECONDS = 3 * 3600
PERIODS = (60, 300, 3600)
MOST_POINTS = 1400


def read(name: str, variants: Sequence[str], region: str, since: float) -> dict[str, float]:
    """Return requests, errors, timed, p50_ms and p95_ms since `since` (seconds since 1970).

    CloudWatch is delayed by a minute or two. Raises BackendError if it does not respond.
    """
    client = connection.client("cloudwatch", region=region)
    total: dict[str, float] = {"requests": 0, "errors": 0}
    medians: list[tuple[float, float, float]] = []
    for variant in variants:
        total["requests"] += round(_sum(client, name, variant, "Invocations", since))
        total["errors"] += sum(
            round(_sum(client, name, variant, metric, since))
            for metric in ("Invocation4XXErrors", "Invocation5XXErrors")
        )
        medians += _latencies(client, name, variant, max(since, time.time() - LATENCY_SECONDS))
    if medians:
        timed = sum(count for count, _, _ in medians)
        # Percentiles of the periods, weighted by their requests: close to the overall percentile,
        # which CloudWatch does not offer.
        total |= {"timed": round(timed)}
        total |= {
            key: round(sum(row[0] * row[place] for row in medians) / timed, 1)
            for place, key in ((1, "p50_ms"), (2, "p95_ms"))
        }
    return total


def invocations(client: Any, name: str, variant: str, since: float) -> float:
    """Return the number of requests since then; 0 for an idle endpoint."""
    return _sum(client, name, variant, "Invocations", since)


def _sum(client: Any, name: str, variant: str, metric: str, since: float) -> float:
    points = _points(client, name, variant, metric, since, Statistics=["Sum"])
    return float(sum(point["Sum"] for point in points))


def _latencies(
    client: Any, name: str, variant: str, since: float
) -> list[tuple[float, float, float]]:
    """Return (requests, p50, p95 in milliseconds) of each period with requests.

    ModelLatency is in microseconds.
    """
    percentiles = _points(
        client, name, variant, "ModelLatency", since, ExtendedStatistics=["p50", "p95"]
    )
    counts = {
        point["Timestamp"]: point["SampleCount"]
        for point in _points(
            client, name, variant, "ModelLatency", since, Statistics=["SampleCount"]
        )
    }
    rows = []
    for point in percentiles:
        found, number = point.get("ExtendedStatistics", {}), counts.get(point["Timestamp"], 0.0)
        if number and "p50" in found:
            rows.append((number, found["p50"] / 1000, found.get("p95", found["p50"]) / 1000))
    return rows


def _points(
    client: Any, name: str, variant: str, metric: str, since: float, **statistics: Any
) -> list[Json]:
    seconds = max(60.0, time.time() - since)
    period = next((period for period in PERIODS if seconds / period <= MOST_POINTS), 86_400)
    dimensions = [
        {"Name": "EndpointName", "Value": name},
        {"Name": "VariantName", "Value": variant},
    ]
    with connection.translate_errors("reading the endpoint's figures from CloudWatch"):
        answer = client.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=metric,
            Dimensions=dimensions,
            StartTime=datetime.fromtimestamp(since - period, UTC),
            EndTime=datetime.now(UTC),
            Period=period,
            **statistics,
        )
    return list(answer["Datapoints"])
