"""A job's MetricDefinitions, read from its log: last values for DescribeTrainingJob, all of them for CloudWatch and early stopping."""

from __future__ import annotations

import re
from collections import defaultdict

from tests.sagemaker.emulator.errors import invalid
from tests.sagemaker.emulator.storage import Storage
from tests.sagemaker.emulator.world import Record, now


def check(definitions: list[Record]) -> None:
    """ApiError for an expression that is none. One without a group is taken, and never gives a value."""
    for item in definitions:
        try:
            re.compile(item["Regex"])
        except re.error as error:
            raise invalid(
                f"Invalid regular expression for metric {item['Name']}: {item['Regex']} ({error})."
            ) from None


class Metrics:
    def __init__(self, storage: Storage, row: Record) -> None:
        self._storage, self._row = storage, row
        self._patterns = [
            (item["Name"], re.compile(item["Regex"]))
            for item in row["AlgorithmSpecification"].get("MetricDefinitions", [])
        ]
        # Every value of a metric so far, in the order of the log.
        self.history: dict[str, list[float]] = defaultdict(list)

    def take(self, lines: list[str]) -> None:
        """Read lines of the first host: a metric has at most one value in each."""
        read = (
            (name, _value(pattern.search(line)))
            for line in lines
            for name, pattern in self._patterns
        )
        found = [(name, value) for name, value in read if value is not None]
        if not found:
            return
        for name, value in found:
            self.history[name].append(value)
        moment = now()
        last = [
            {"MetricName": name, "Value": values[-1], "Timestamp": moment}
            for name, values in self.history.items()
        ]
        self._row["FinalMetricDataList"] = last
        self._storage.metric(self._row["TrainingJobName"], found)


def _value(match: re.Match[str] | None) -> float | None:
    """Return the number in the first group, None if there is none."""
    try:
        return float(match[1]) if match else None
    except (IndexError, TypeError, ValueError):
        return None
