"""Data capture: what an endpoint was asked and what it answered, as JSON lines in S3."""

from __future__ import annotations

import base64
import json
import random
import time
import uuid

from tests.sagemaker.emulator.serving import Reply
from tests.sagemaker.emulator.storage import Storage
from tests.sagemaker.emulator.world import Record


class Capture:
    """`config` is the endpoint configuration's DataCaptureConfig, or None. AWS gathers for minutes; here each request is a file at once."""

    def __init__(self, storage: Storage, endpoint: str, config: Record | None) -> None:
        self._storage, self._endpoint, self._config = storage, endpoint, config or {}
        self._on = bool(self._config.get("EnableCapture", config is not None))

    def described(self) -> Record:
        return {
            "EnableCapture": self._on,
            "CaptureStatus": "Started" if self._on else "Stopped",
            "CurrentSamplingPercentage": self._config["InitialSamplingPercentage"],
            "DestinationS3Uri": self._config["DestinationS3Uri"],
            "KmsKeyId": self._config.get("KmsKeyId", ""),
        }

    def take(self, variant: str, body: bytes, kind: str, reply: Reply) -> None:
        if not self._on or random.uniform(0, 100) > self._config["InitialSamplingPercentage"]:
            return
        modes = {option["CaptureMode"] for option in self._config["CaptureOptions"]}
        data = {}
        if modes & {"Input", "InputAndOutput"}:
            data["endpointInput"] = self._part("INPUT", kind, body)
        if modes & {"Output", "InputAndOutput"}:
            data["endpointOutput"] = self._part("OUTPUT", reply.kind, reply.body)
        moment, event = time.gmtime(), str(uuid.uuid4())
        about = {"eventId": event, "inferenceTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", moment)}
        line = json.dumps({"captureData": data, "eventMetadata": about, "eventVersion": "0"}) + "\n"
        folder = f"{self._config['DestinationS3Uri'].rstrip('/')}/{self._endpoint}/{variant}/{time.strftime('%Y/%m/%d/%H', moment)}"
        self._storage.put(f"{folder}/{time.strftime('%M-%S', moment)}-{event}.jsonl", line.encode())

    def _part(self, mode: str, kind: str, body: bytes) -> Record:
        """Return one side: as text where CaptureContentTypeHeader names its type, else in base64."""
        encoding = self._encoding(kind.partition(";")[0].strip())
        text = base64.b64encode(body).decode()
        if encoding != "BASE64":
            text = body.decode("utf-8", "replace")
        return {"observedContentType": kind, "mode": mode, "data": text, "encoding": encoding}

    def _encoding(self, kind: str) -> str:
        named = self._config.get("CaptureContentTypeHeader", {})
        if kind in named.get("JsonContentTypes", []):
            return "JSON"
        return "CSV" if kind in named.get("CsvContentTypes", []) else "BASE64"
