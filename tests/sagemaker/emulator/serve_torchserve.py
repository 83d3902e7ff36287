"""Serves /opt/ml/model as AWS's PyTorch inference image does: its handler, TorchServe, Java. Run in the container environment.

    SAGEMAKER_BIND_TO_PORT=8080 SAGEMAKER_SAFE_PORT_RANGE=8081-8081 python serve_torchserve.py

Model, handler and request path are the stock ones. What is changed is where the configuration file lies, which address and ports are
used, and how its own process is found again, so that it needs no root and does not mind its neighbours.
"""

from __future__ import annotations

import os
import socket
import time
from importlib import import_module
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60
HERE = Path(os.environ["TMPDIR"])

torchserve: Any = import_module("sagemaker_pytorch_serving_container.torchserve")
handler: Any = import_module("sagemaker_pytorch_serving_container.handler_service")
psutil: Any = import_module("psutil")
stock = vars(torchserve)["_generate_ts_config_properties"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def configuration(handler_service: str) -> str:
    """Return the stock configuration, bound to loopback, with the newline that its last line
    lacks."""
    text = (
        str(stock(handler_service))
        .replace("enable_model_api=true", "enable_model_api=true\n")
        .replace("0.0.0.0", "127.0.0.1")
    )
    own = {
        "metrics_address": f"http://127.0.0.1:{free_port()}",
        "grpc_inference_port": free_port(),
        "grpc_management_port": free_port(),
        "disable_system_metrics": "true",
    }
    return text + "".join(f"\n{name}={value}" for name, value in own.items()) + "\n"


def own_process() -> Any:
    """Our Java process; the stock function refuses to work beside another one on the host."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        for process in psutil.process_iter():
            if is_own(process):
                return process
        time.sleep(0.1)
    raise RuntimeError(f"TorchServe has not started within {PATIENCE_SECONDS} seconds")


def is_own(process: Any) -> bool:
    try:
        return (
            torchserve.TS_NAMESPACE in process.cmdline()
            and process.environ().get("TMPDIR") == os.environ["TMPDIR"]
        )
    except psutil.Error:
        return False


if __name__ == "__main__":
    os.environ.update(
        TEMP=str(HERE), LOG_LOCATION=str(HERE / "logs"), METRICS_LOCATION=str(HERE / "logs")
    )
    os.chdir(HERE)
    vars(torchserve).update(
        TS_CONFIG_FILE=str(HERE / "ts.properties"),
        MODEL_STORE=str(HERE / "models"),
        _generate_ts_config_properties=configuration,
        _retrieve_ts_server_process=own_process,
    )
    torchserve.start_torchserve(handler_service=handler.__file__)
