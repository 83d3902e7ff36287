"""Endpoint configurations and endpoints: created, updated, invoked, deleted, each of them with real servers behind it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from werkzeug.wrappers import Request, Response

from tests.sagemaker.emulator import serverless
from tests.sagemaker.emulator.account import Account
from tests.sagemaker.emulator.capture import Capture
from tests.sagemaker.emulator.errors import ApiError, JobFailure, invalid
from tests.sagemaker.emulator.models import Models
from tests.sagemaker.emulator.serving import Reply
from tests.sagemaker.emulator.traffic import Traffic
from tests.sagemaker.emulator.variant import ModelError, Variant, choose
from tests.sagemaker.emulator.world import ACCOUNT, Record, Table, World, now, page, picked, shown

SUMMARY = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")


class Endpoints:
    def __init__(self, world: World, account: Account, models: Models, containers: Path) -> None:
        self._world, self._account, self._models, self._containers = (
            world,
            account,
            models,
            containers,
        )
        self._configs = Table(
            world, "endpoint-config", "endpoint configuration", "EndpointConfigName"
        )
        self._table = Table(world, "endpoint", "endpoint", "EndpointName")
        self._traffic = Traffic(world.storage)

    # Configurations

    def create_endpoint_config(self, request: Record) -> Record:
        for variant in request["ProductionVariants"]:
            self._models.container(variant["ModelName"], new=True)
            if "ServerlessConfig" not in variant and not (
                variant.get("InstanceType") and variant.get("InitialInstanceCount")
            ):
                raise invalid(
                    f"Variant {variant['VariantName']} needs InstanceType and InitialInstanceCount, or ServerlessConfig."
                )
            if "ServerlessConfig" in variant and variant.get("InstanceType"):
                raise invalid(
                    f"Variant {variant['VariantName']} cannot have both InstanceType and ServerlessConfig."
                )
        serverless.check(request, self._models)
        if "AsyncInferenceConfig" in request:
            raise invalid("The emulator has no asynchronous endpoints.")
        arn = self._world.arn("endpoint-config", request["EndpointConfigName"])
        self._configs.add(request, {"EndpointConfigArn": arn})
        return {"EndpointConfigArn": arn}

    def describe_endpoint_config(self, request: Record) -> Record:
        return shown(self._configs.get(request["EndpointConfigName"]))

    def list_endpoint_configs(self, request: Record) -> Record:
        rows, token = page(list(self._configs.rows.values()), request, name="EndpointConfigName")
        return {
            "EndpointConfigs": [
                picked(row, ("EndpointConfigName", "EndpointConfigArn", "CreationTime"))
                for row in rows
            ],
            **token,
        }

    def delete_endpoint_config(self, request: Record) -> None:
        self._configs.held(request["EndpointConfigName"])
        self._configs.remove(request["EndpointConfigName"])

    # Endpoints

    def create_endpoint(self, request: Record) -> Record:
        config = self._configs.get(request["EndpointConfigName"])
        name, arn = request["EndpointName"], self._world.arn("endpoint", request["EndpointName"])
        if name in self._table.rows:  # before the quota is touched
            self._table.add(request, {})
        variants = self._variants(name, config)
        row = self._table.add(
            request,
            {
                "EndpointArn": arn,
                "EndpointStatus": "Creating",
                "_variants": [],
                "_cancelled": threading.Event(),
            },
        )
        threading.Thread(target=self._bring_up, args=(row, config, variants), daemon=True).start()
        return {"EndpointArn": arn}

    def _variants(self, endpoint: str, config: Record) -> list[Variant]:
        """Return the variants of a configuration, with their share of the quota taken. ApiError if
        there is not enough of it."""
        made: list[Variant] = []
        try:
            for entry in config["ProductionVariants"]:
                made.append(
                    Variant(
                        self._world, self._account, self._models, self._containers, endpoint, entry
                    )
                )
        except ApiError:
            for variant in made:
                variant.end()
            raise
        return made

    def _bring_up(self, row: Record, config: Record, variants: list[Variant]) -> None:
        """In a thread: InService with the new variants, or the end of them."""
        old, failed = row["_variants"], ""
        try:
            self._world.pause(row["_cancelled"], "endpoint_seconds")
            self._world.fail_if_asked("endpoint")
            for variant in variants:
                variant.start(row["_cancelled"])
        except (JobFailure, OSError) as error:
            failed = str(error)
        with self._world.lock:
            row["LastModifiedTime"] = now()
            if failed:
                row.update(EndpointStatus="InService" if old else "Failed", FailureReason=failed)
            else:
                row.pop("FailureReason", None)
                row.update(
                    EndpointStatus="InService",
                    EndpointConfigName=config["EndpointConfigName"],
                    _variants=variants,
                )
                row["_capture"] = Capture(
                    self._world.storage, row["EndpointName"], config.get("DataCaptureConfig")
                )
        for variant in variants if failed else old:
            variant.end()

    def describe_endpoint(self, request: Record) -> Record:
        row = self._table.get(request["EndpointName"])
        config = self._configs.rows.get(row["EndpointConfigName"], {})
        capture = (
            {"DataCaptureConfig": row["_capture"].described()}
            if row.get("_capture") and "DataCaptureConfig" in config
            else {}
        )
        variants = (
            {"ProductionVariants": [variant.described() for variant in row["_variants"]]}
            if row["_variants"]
            else {}
        )
        return {**shown(row), **variants, **capture}

    def list_endpoints(self, request: Record) -> Record:
        rows, token = page(
            list(self._table.rows.values()), request, name="EndpointName", status="EndpointStatus"
        )
        return {"Endpoints": [picked(row, SUMMARY) for row in rows], **token}

    def update_endpoint(self, request: Record) -> Record:
        row, config = self._settled(request), self._configs.get(request["EndpointConfigName"])
        if row["EndpointStatus"] == "Failed":
            raise invalid(f'Cannot update endpoint "{row["EndpointArn"]}" in status Failed.')
        variants = self._variants(request["EndpointName"], config)
        row["EndpointStatus"] = "Updating"
        threading.Thread(target=self._bring_up, args=(row, config, variants), daemon=True).start()
        return {"EndpointArn": row["EndpointArn"]}

    def update_endpoint_weights_and_capacities(self, request: Record) -> Record:
        row = self._settled(request)
        for wanted in request["DesiredWeightsAndCapacities"]:
            variant = next(
                (variant for variant in row["_variants"] if variant.name == wanted["VariantName"]),
                None,
            )
            if variant is None:
                raise invalid(f"There is no variant {wanted['VariantName']}.")
            variant.change(wanted)
        return {"EndpointArn": row["EndpointArn"]}

    def delete_endpoint(self, request: Record) -> None:
        row = self._settled(request)
        row["EndpointStatus"] = "Deleting"
        threading.Thread(target=self._take_down, args=(row,), daemon=True).start()

    def _settled(self, request: Record) -> Record:
        row = self._table.held(request["EndpointName"])
        if row["EndpointStatus"] in ("Creating", "Updating", "Deleting"):
            raise invalid(f'Cannot update in-progress endpoint "{row["EndpointArn"]}".')
        return row

    def _take_down(self, row: Record) -> None:
        time.sleep(self._world.settings.delete_seconds)
        for variant in row["_variants"]:
            variant.end()
        with self._world.lock:
            if self._table.rows.get(row["EndpointName"]) is row:
                self._table.remove(row["EndpointName"])

    def sweep(self, since: float) -> None:
        for row in [row for row in list(self._table.rows.values()) if row["CreationTime"] > since]:
            row["_cancelled"].set()
            while row["EndpointStatus"] in ("Creating", "Updating"):
                time.sleep(0.02)
            self._take_down(row)

    # Invocations

    def _timed(self, name: str, variant: Variant, body: bytes, headers: dict[str, str]) -> Reply:
        """Return the container's answer; CloudWatch is told how it went."""
        began = time.monotonic()
        try:
            reply = variant.post(body, headers)
        except ModelError as error:
            self._traffic.count(name, variant.name, error.original, time.monotonic() - began)
            raise
        self._traffic.count(name, variant.name, reply.status, time.monotonic() - began)
        return reply

    def invoke(self, name: str, request: Request) -> Response:
        """Return what InvokeEndpoint answers."""
        row = self._table.rows.get(name)
        if not row or not row["_variants"]:
            raise ApiError("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
        variant = choose(row["_variants"], request.headers.get("X-Amzn-SageMaker-Target-Variant"))
        body = request.get_data()
        headers = {
            "Content-Type": request.headers.get("Content-Type", "application/octet-stream"),
            "Accept": request.headers.get("Accept", "application/json"),
        }
        reply = self._timed(name, variant, body, headers)
        row["_capture"].take(variant.name, body, headers["Content-Type"], reply)
        return Response(
            reply.body,
            200,
            {"x-Amzn-Invoked-Production-Variant": variant.name},
            content_type=reply.kind,
        )
