"""A job's MetricDefinitions, read from its log: last values for DescribeTrainingJob, all of them for CloudWatch and early stopping."""

from __future__ import annotations

import re
from collections import defaultdict

from tests.sagemaker.emulator.storage import Storage
from tests.sagemaker.emulator.world import Record, now


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
        found = [
            (name, float(match[1]))
            for line in lines
            for name, pattern in self._patterns
            for match in pattern.finditer(line)
        ]
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
