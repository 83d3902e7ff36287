"""A production variant of an endpoint: the server behind it, and the limits of a real-time or a serverless one."""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.sagemaker.emulator import images, machines
from tests.sagemaker.emulator.account import Account
from tests.sagemaker.emulator.errors import ApiError, JobFailure
from tests.sagemaker.emulator.models import Models
from tests.sagemaker.emulator.serving import ModelServer, Reply
from tests.sagemaker.emulator.world import Record, World

REALTIME_BYTES, SERVERLESS_BYTES = 6_291_456, 4_194_304
SECONDS = 60.0
QUOTED_CHARS = 1000


class Variant:
    def __init__(
        self,
        world: World,
        account: Account,
        models: Models,
        containers: Path,
        endpoint: str,
        entry: Record,
    ) -> None:
        """`entry` as in ProductionVariants. Takes its instances from the quota: ResourceLimitExceeded."""
        self.name, self._entry, self._endpoint = entry["VariantName"], entry, endpoint
        self.weight = float(entry.get("InitialVariantWeight", 1.0))
        self._count = entry.get("InitialInstanceCount", 1)
        self._serverless = entry.get("ServerlessConfig")
        self._free = (
            threading.BoundedSemaphore(self._serverless["MaxConcurrency"])
            if self._serverless
            else None
        )
        self._give_back: Callable[[], None] | None = self._take(account)
        model = entry["ModelName"]
        self._image = models.container(model)["Image"]
        stream = world.storage.stream(
            f"/aws/sagemaker/Endpoints/{endpoint}", f"{self.name}/i-{os.urandom(8).hex()}"
        )
        self._server = ModelServer(
            world,
            containers,
            models.container(model),
            stream,
            isolated=models.row(model)["EnableNetworkIsolation"],
            vcpus=self._vcpus(),
            variant=self.name,
        )

    def _take(self, account: Account) -> Callable[[], None]:
        """Take from the quota; return what gives it back."""
        if self._serverless:
            concurrency = self._serverless["MaxConcurrency"]
            account.take_serverless(self._serverless["MemorySizeInMB"], concurrency)
            return partial(account.give_back_serverless, concurrency)
        taken = (self._entry["InstanceType"], "endpoint usage", self._count)
        account.take(*taken)
        return partial(account.give_back, *taken)

    def _vcpus(self) -> int:
        """Return how many there are: on serverless endpoints they grow with the memory."""
        if self._serverless:
            return max(1, self._serverless["MemorySizeInMB"] // 1024)
        return machines.vcpus(self._entry["InstanceType"])

    def start(self, cancelled: threading.Event) -> None:
        """Return when it answers /ping. JobFailure."""
        if why := images.why_it_cannot_start(self._image, self._entry):
            raise JobFailure(why)
        self._server.start(cancelled)
        if self._too_big():
            raise JobFailure(f"{self._too_big()} Please increase MemorySizeInMB.")

    def _too_big(self) -> str:
        """Return what a serverless container that needs too much memory is told."""
        limit = self._serverless["MemorySizeInMB"] if self._serverless else 0
        used = self._server.memory() >> 20 if limit else 0
        return (
            f"The container of variant {self.name} uses {used} MB, more than its {limit} MB of memory."
            if used > limit
            else ""
        )

    def post(self, body: bytes, headers: dict[str, str]) -> Reply:
        """Return the container's answer, ApiError for everything but a 200."""
        most = SERVERLESS_BYTES if self._serverless else REALTIME_BYTES
        if len(body) > most:
            raise ApiError(
                "ValidationError",
                f"Request {len(body)} bytes is larger than the payload limit of {most} bytes",
                413,
            )
        if self._free and not self._free.acquire(blocking=False):
            raise ApiError(
                "ThrottlingException",
                "Too many requests: the serverless endpoint's MaxConcurrency is reached",
                429,
            )
        try:
            reply = self._server.post(body, headers, SECONDS)
        except (OSError, http.client.HTTPException):
            raise self._error(
                0,
                f"Invocation timed out or the container is gone while waiting for a response from container {self.name}.",
            ) from None
        finally:
            if self._free:
                self._free.release()
        if reply.status != 200:
            raise self._error(reply.status, reply.body.decode("utf-8", "replace"))
        return reply

    def _error(self, status: int, said: str) -> ModelError:
        return ModelError(status, said, self._endpoint)

    def described(self) -> Record:
        common = {
            "VariantName": self.name,
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
        }
        if self._serverless:
            return {**common, "CurrentServerlessConfig": self._serverless}
        return {**common, "CurrentInstanceCount": self._count, "DesiredInstanceCount": self._count}

    def change(self, wanted: Record) -> None:
        """DesiredWeight and DesiredInstanceCount, at once."""
        self.weight = float(wanted.get("DesiredWeight", self.weight))
        self._count = wanted.get("DesiredInstanceCount", self._count)

    def end(self) -> None:
        self._server.end()
        if self._give_back:
            self._give_back()
            self._give_back = None


class ModelError(ApiError):
    """The container answered with an error, or not at all (status 0)."""

    def __init__(self, status: int, said: str, endpoint: str) -> None:
        quoted, self.original = said[:QUOTED_CHARS], status
        kind = "server" if status >= 500 or not status else "client"
        where = f"See https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer:group=/aws/sagemaker/Endpoints/{endpoint}"
        super().__init__(
            "ModelError",
            f'Received {kind} error ({status}) from primary with message "{quoted}". {where} for more information.',
            424,
        )
        self.body = json.dumps(
            {
                "Message": self.message,
                "message": self.message,
                "OriginalStatusCode": status,
                "OriginalMessage": quoted,
                "LogStreamArn": "",
            }
        )


def choose(variants: list[Variant], wanted: str | None) -> Variant:
    """Return the named variant, or one by their weights."""
    if wanted:
        found = next((variant for variant in variants if variant.name == wanted), None)
        if found is None:
            raise ApiError("ValidationError", f"Variant {wanted} was not found.")
        return found
    return random.choices(
        variants,
        [variant.weight for variant in variants]
        if any(variant.weight for variant in variants)
        else None,
    )[0]
