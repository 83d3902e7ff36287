"""Captured requests of a SageMaker endpoint, downloaded from S3 into the run folder, in the layout
of a local endpoint."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from core.aws.documents import Json
from core.aws.storage import Store
from core.backends.sagemaker.endpoints import hosting
from core.endpoints import capture
from core.errors import BackendError
from core.io import files
from core.jobs.run_folder import RunFolder
from core.jobs.specs import EndpointSpec

TAKEN = "captured.json"
ANSWER = ("predictions", "unsure", "unfamiliar", "latency_ms")


def fetch(store: Store, folder: RunFolder, spec: EndpointSpec) -> int:
    """Download new requests, up to the limits of the spec; return the number of photos.

    Raises BackendError if AWS does not respond.
    """
    path = folder.output / TAKEN
    taken = set(files.read_json(path)) if path.exists() else set()
    new = [
        key
        for key in sorted(store.keys(f"{hosting.capture_prefix(spec.id)}/"))
        if key.endswith(".jsonl") and key not in taken
    ]
    count = 0
    keeper = capture.Keeper(folder, capture.Limits(spec.capture_photos, spec.capture_bytes))
    for key in new:
        for moment, photo, answer in records(_read(store, key, folder.temporary)):
            keeper.keep(moment, photo, answer)
            count += 1
    if new:
        files.write_json(path, sorted({*taken, *new}))
    return count


def records(text: str) -> Iterator[tuple[float, bytes, Json]]:
    """Yield (time, photo, answer) of each line of a capture file; incomplete lines are skipped."""
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            data = entry["captureData"]
            photo = base64.b64decode(data["endpointInput"]["data"], validate=True)
            output = data["endpointOutput"]
            answered = output["data"]
            if output.get("encoding") == "BASE64":
                answered = base64.b64decode(answered).decode()
            answer = json.loads(answered)
            moment = datetime.fromisoformat(entry["eventMetadata"]["inferenceTime"]).timestamp()
            yield (
                moment,
                photo,
                {name: answer[name] for name in ANSWER if name in answer or name == "predictions"},
            )
        except (ValueError, KeyError, TypeError, binascii.Error):
            continue


def _read(store: Store, key: str, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / "captured.jsonl"
    if not store.fetch(store.uri(key), path):
        return ""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BackendError(files.os_reason(error)) from error
    finally:
        path.unlink(missing_ok=True)
