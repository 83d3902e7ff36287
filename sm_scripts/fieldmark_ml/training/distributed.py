"""Distributed training: torchrun's environment, started by the user or by the script, over gloo or
nccl."""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

import torch
from torch import distributed

from fieldmark_ml.runtime import log, quiet

PORT = 29_551


def wanted_processes() -> tuple[int, int]:
    """Return (hosts, processes on each) that SageMaker's environment describes; (1, 1) under
    torchrun, which has started them already."""
    if "RANK" in os.environ:
        return 1, 1
    return max(1, len(_hosts())), max(1, int(os.environ.get("SM_NUM_GPUS") or 0))


def relaunch_under_torchrun(arguments: list[str]) -> None:
    """Replace this process by torchrun with one process per GPU on this host, if SageMaker gave
    several GPUs or hosts."""
    hosts, processes = wanted_processes()
    if hosts * processes == 1:
        return
    log(f"{hosts} hosts with {processes} processes each: starting torchrun")
    number, first = 0, "127.0.0.1"
    if hosts > 1:
        names = _hosts()
        # Gloo would look its own address up by the host's name, which on SageMaker is the same for
        # all hosts.
        if interface := os.environ.get("SM_NETWORK_INTERFACE_NAME"):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
        number, first = names.index(os.environ["SM_CURRENT_HOST"]), names[0]
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        f"--nnodes={hosts}",
        f"--nproc_per_node={processes}",
        f"--node_rank={number}",
        f"--master_addr={first}",
        f"--master_port={PORT}",
    ]
    os.execv(sys.executable, [*launcher, sys.argv[0], *arguments])


def _hosts() -> list[str]:
    try:
        return sorted(json.loads(os.environ.get("SM_HOSTS") or "[]"))
    except ValueError:
        return []


def start() -> None:
    """Join the process group if torchrun started this process; only the first process logs from
    then on."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    log(f"{world()} processes; this is number {rank()} on {socket.gethostname()}")
    if rank():
        quiet()


def stop() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


def rank() -> int:
    if distributed.is_initialized():
        return distributed.get_rank()
    return 0


def world() -> int:
    if distributed.is_initialized():
        return distributed.get_world_size()
    return 1


def is_first() -> bool:
    return rank() == 0


def barrier() -> None:
    if world() > 1:
        distributed.barrier()


def from_first(value: Any) -> Any:
    """Return the first process's `value`, in every process."""
    if world() == 1:
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def gathered(value: Any) -> list[Any]:
    """Return every process's `value`, in order of rank, in every process."""
    if world() == 1:
        return [value]
    boxes: list[Any] = [None] * world()
    distributed.all_gather_object(boxes, value)
    return boxes


def summed(*values: float) -> list[float]:
    """Return each of `values`, summed over all processes."""
    if world() == 1:
        return list(values)
    box = torch.tensor(
        values, dtype=torch.float64, device="cuda" if torch.cuda.is_available() else "cpu"
    )
    distributed.all_reduce(box)
    return box.tolist()


def any_true(value: bool) -> bool:
    """Return whether `value` is true in any process; every process gets the same answer."""
    return summed(float(value))[0] > 0


def mean_gradients(parameters: list[torch.nn.Parameter]) -> None:
    """Sum the gradients of all processes in one message; each process has already divided by the
    global batch size."""
    if world() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    distributed.all_reduce(flat)
    for gradient, part in zip(
        gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True
    ):
        gradient.copy_(part.view_as(gradient))
