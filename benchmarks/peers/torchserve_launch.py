"""Starts sagemaker-pytorch-inference's TorchServe without root, on loopback only, beside other
servers on this host.

Run by the interpreter of the peer's own environment (see torchserve.py), which has that package.
Model, handler and request path are the stock ones; only the path of the configuration file, the
address, the ports and the look-up of its process are changed.
"""

from __future__ import annotations

import socket
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil

PATIENCE_SECONDS = 60

# Imported by name, because the project does not depend on this package.
torchserve: Any = import_module("sagemaker_pytorch_serving_container.torchserve")
handler: Any = import_module("sagemaker_pytorch_serving_container.handler_service")
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


def own_process() -> psutil.Process:
    """Return the Java process of this folder; the stock function refuses to work beside another one
    on the host."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        for process in psutil.process_iter():
            if is_own(process):
                return process
        time.sleep(0.1)
    raise RuntimeError(f"TorchServe has not started within {PATIENCE_SECONDS} seconds")


def is_own(process: psutil.Process) -> bool:
    try:
        return torchserve.TS_NAMESPACE in process.cmdline() and Path(process.cwd()) == Path.cwd()
    except psutil.Error:
        return False


if __name__ == "__main__":
    vars(torchserve).update(
        TS_CONFIG_FILE=str(Path.cwd() / "ts.properties"),
        _generate_ts_config_properties=configuration,
        _retrieve_ts_server_process=own_process,
    )
    torchserve.start_torchserve(handler_service=handler.__file__)
