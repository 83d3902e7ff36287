"""Models: a container image's name, an artifact in S3 and an environment."""

from __future__ import annotations

from botocore.exceptions import ClientError

from tests.sagemaker.emulator.errors import invalid
from tests.sagemaker.emulator.references import References
from tests.sagemaker.emulator.storage import split
from tests.sagemaker.emulator.world import Record, Table, World, page, picked, shown


class Models:
    def __init__(self, world: World, references: References) -> None:
        self._table = Table(world, "model", "model", "ModelName")
        self._world, self._references = world, references

    def container(self, name: str, *, new: bool = False) -> Record:
        """Return the one container of the model, ApiError if there is no such model; where a `new` request refers to it, one that has just
        been made is not found yet."""
        row = self._table.held(name, self._world.settings.stale_seconds if new else 0.0)
        return row.get("PrimaryContainer") or row["Containers"][0]

    def row(self, name: str) -> Record:
        return self._table.held(name)

    def create_model(self, request: Record) -> Record:
        containers = (
            [request["PrimaryContainer"]]
            if "PrimaryContainer" in request
            else request.get("Containers", [])
        )
        if len(containers) != 1:
            raise invalid(
                "The emulator serves models of one container: PrimaryContainer, or Containers with one."
            )
        uri = containers[0].get("ModelDataUrl", "")
        if not uri.startswith("s3://"):
            raise invalid(
                "The emulator serves models from ModelDataUrl, s3://<bucket>/<key of a model.tar.gz>."
            )
        if "ExecutionRoleArn" not in request:
            raise invalid("ExecutionRoleArn is required for a model whose artifact is in S3.")
        self._references.model(request, containers[0])
        try:
            self._world.storage.s3.head_object(
                **dict(zip(("Bucket", "Key"), split(uri), strict=True))
            )
        except ClientError:
            raise invalid(f"Could not find model data at {uri}.") from None
        arn = self._world.arn("model", request["ModelName"])
        more = {
            "ModelArn": arn,
            "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
        }
        self._table.add(request, more)
        return {"ModelArn": arn}

    def describe_model(self, request: Record) -> Record:
        return shown(self._table.get(request["ModelName"]))

    def list_models(self, request: Record) -> Record:
        rows, token = page(list(self._table.rows.values()), request, name="ModelName")
        return {
            "Models": [picked(row, ("ModelName", "ModelArn", "CreationTime")) for row in rows],
            **token,
        }

    def delete_model(self, request: Record) -> None:
        self._table.held(request["ModelName"])
        self._table.remove(request["ModelName"])
