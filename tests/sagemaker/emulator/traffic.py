"""What CloudWatch is told about an endpoint's invocations: one value each, as on AWS, written once a second."""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.sagemaker.emulator.storage import Storage

NAMESPACE = "AWS/SageMaker"
FLUSH_SECONDS, MOST_AT_ONCE = 1.0, 500


class Traffic:
    def __init__(self, storage: Storage) -> None:
        self._storage, self._lock = storage, threading.Lock()
        self._waiting: list[dict[str, Any]] = []
        threading.Thread(target=self._write, daemon=True).start()

    def count(self, endpoint: str, variant: str, status: int, seconds: float) -> None:
        """One invocation: the container's status, 0 if it gave none, and how long it took."""
        dimensions = [
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": variant},
        ]
        values = {
            "Invocations": (1.0, "Count"),
            "Invocation4XXErrors": (float(400 <= status < 500), "Count"),
            "Invocation5XXErrors": (float(status >= 500 or status == 0), "Count"),
            "ModelLatency": (1e6 * seconds, "Microseconds"),
            "OverheadLatency": (0.0, "Microseconds"),
        }
        moment = datetime.now(UTC)
        rows = [
            {
                "MetricName": name,
                "Dimensions": dimensions,
                "Timestamp": moment,
                "Value": value,
                "Unit": unit,
            }
            for name, (value, unit) in values.items()
        ]
        with self._lock:
            self._waiting += rows

    def _write(self) -> None:
        while True:
            time.sleep(FLUSH_SECONDS)
            with self._lock:
                rows, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            if rows:
                with contextlib.suppress(ClientError, BotoCoreError):
                    self._storage.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=rows)
