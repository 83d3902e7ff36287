"""The one port: tells by a request's headers whose it is, lets faults happen, and answers, or lets
moto answer."""

from __future__ import annotations

import io
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from botocore import xform_name
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from tests.sagemaker.emulator import tagging, validation
from tests.sagemaker.emulator.account import Account
from tests.sagemaker.emulator.control import Control
from tests.sagemaker.emulator.endpoints import Endpoints
from tests.sagemaker.emulator.errors import ApiError
from tests.sagemaker.emulator.faults import Fault, Faults
from tests.sagemaker.emulator.models import Models
from tests.sagemaker.emulator.permissions import Permissions, s3_operation
from tests.sagemaker.emulator.references import References
from tests.sagemaker.emulator.storage import OWN_KEY
from tests.sagemaker.emulator.training import Training
from tests.sagemaker.emulator.transform import Transforms
from tests.sagemaker.emulator.tuning import Tuning
from tests.sagemaker.emulator.world import World

JSON = "application/x-amz-json-1.1"
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
_SIGNED = re.compile(r"Credential=([^/]+)/\d+/[^/]*/([^/]+)/")
_INVOKE = re.compile(r"/endpoints/([^/]+)/invocations$")


class Handler(WSGIRequestHandler):
    """Keeps connections open, as every client of AWS expects."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: a job's polling would bury what matters."""


class Emulator:
    """`start()`, then everything is at `url`; `stop()` ends every process that is left."""

    def __init__(self, root: Path, containers: Path, port: int = 0) -> None:
        """`root` is a folder for the containers' files, `containers` the folder of their virtual
        environment."""
        root.mkdir(parents=True, exist_ok=True)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", port, self, threaded=True, request_handler=Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.world = world = World(root, self.url)
        self.faults = Faults()
        account = Account(world)
        references = References(world)
        self.training = Training(world, account, references, containers)
        self.tuning = Tuning(world, account, self.training)
        self.models = Models(world, references)
        self.endpoints = Endpoints(world, account, self.models, containers)
        self.transforms = Transforms(world, account, self.models, references, containers)
        self._parts = (
            self.training,
            self.tuning,
            self.models,
            self.endpoints,
            self.transforms,
            tagging.Tagging(world),
        )
        self._control = Control(self)
        self._permissions = Permissions(world)
        self._other = {
            "AWSPriceListService.GetProducts": account.get_products,
            "ServiceQuotasV20190624.ListServiceQuotas": account.list_service_quotas,
            "ServiceQuotasV20190624.ListAWSDefaultServiceQuotas": account.list_aws_default_service_quotas,
            "ServiceQuotasV20190624.GetServiceQuota": account.get_service_quota,
        }

    def start(self) -> Emulator:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._control.prepare()
        return self

    def stop(self) -> None:
        self.sweep(0.0)
        self._server.shutdown()

    def sweep(self, since: float) -> None:
        """End everything that was created after `since` and still runs, at once, and wait for
        it."""
        for part in (self.tuning, self.training, self.transforms, self.endpoints):
            part.sweep(since)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        # Read once, for whoever answers: the connection stays open, so a second reader would wait for ever.
        body = request.get_data(cache=True)
        environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        if request.path.startswith("/emulator/"):
            return self._control.answer(request)(environ, start_response)
        service, operation, own = _signed(request)
        fault = None if own else self.faults.take(service, operation)
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault and fault.kind == "cut":
            return _cut(environ, start_response)
        application = self._answer(request, (service, operation, own), fault) or self._moto
        if fault and fault.kind == "lost":
            list(application(environ, lambda *_: lambda _: None))
            return _cut(environ, start_response)
        return application(environ, start_response)

    def _answer(
        self, request: Request, signed: tuple[str, str, bool], fault: Fault | None
    ) -> Response | None:
        """None if moto is to answer: all that the emulator asks itself, the other services, and
        notebooks, which it only lists."""
        service, operation, own = signed
        target = request.headers.get("X-Amz-Target", "")
        try:
            if fault and fault.kind not in ("lost", "slow"):
                raise fault.error(service, operation)
            if own:
                return None
            self._permissions.check(service, operation, request)
            if target.startswith("SageMaker.") and "NotebookInstance" not in operation:
                answer = self._call(operation, json.loads(request.get_data() or b"{}"))
            elif invoked := _INVOKE.fullmatch(request.path):
                answer = self.endpoints.invoke(invoked[1], request)
            elif operation == "SimulatePrincipalPolicy":
                answer = self._permissions.simulate(request)
            elif target in self._other:
                answer = _json(self._other[target](json.loads(request.get_data() or b"{}")))
            else:
                if operation == "CopyObject":
                    self.world.storage.require_unchanged(request)
                return None
            self.faults.count(operation)
        except ApiError as error:
            return _refusal(error, service)
        return answer

    def _call(self, operation: str, request: dict[str, Any]) -> Response:
        name = xform_name(operation)
        method = next((getattr(part, name) for part in self._parts if hasattr(part, name)), None)
        if method is None:
            raise ApiError(
                "UnknownOperationException", f"The emulator does not know {operation}.", 404
            )
        validation.check(operation, request)
        tagging.check(request.get("Tags", []))
        with self.world.lock:
            return _json(method(request) or {})


def _signed(request: Request) -> tuple[str, str, bool]:
    """Return (service, operation, whether the emulator itself asks) of a request. Queries are named
    by their Action."""
    signature = _SIGNED.search(request.headers.get("Authorization", ""))
    service = signature[2] if signature else ""
    target = request.headers.get("X-Amz-Target", "")
    if target:
        operation = target.rsplit(".", 1)[-1]
    elif _INVOKE.fullmatch(request.path):
        operation = "InvokeEndpoint"
    elif service in ("s3", ""):
        operation = s3_operation(request)
    else:
        operation = request.form.get("Action", request.method)
    return service, operation, bool(signature) and signature[1] == OWN_KEY if signature else False


def _json(body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), 200, content_type=JSON)


def _refusal(error: ApiError, service: str) -> Response:
    if service == "s3":
        code = (
            "AccessDenied"
            if error.code == "AccessDeniedException"
            else "SlowDown"
            if error.code == "ThrottlingException"
            else error.code
        )
        status = {"AccessDenied": 403, "SlowDown": 503}.get(code, error.status)
        return Response(
            f"<Error><Code>{code}</Code><Message>{error.message}</Message></Error>",
            status,
            content_type="application/xml",
        )
    if service in ("sts", "iam", "monitoring"):
        body = f"<ErrorResponse><Error><Code>{error.code}</Code><Message>{error.message}</Message></Error></ErrorResponse>"
        return Response(body, error.status, content_type="text/xml")
    body = error.body or json.dumps({"__type": error.code, "message": error.message})
    return Response(body, error.status, {"x-amzn-errortype": error.code}, content_type=JSON)


def _cut(environ: Environ, start_response: StartResponse) -> list[bytes]:
    """Close the connection without a word: what is written after that goes nowhere."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    start_response("200 OK", [("Content-Length", "0")])
    return []
