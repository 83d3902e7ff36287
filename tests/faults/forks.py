"""Forks of a process that has everything imported, in which two threads meet in the first use of a library.

Half of what is counted is the product whole: the real warm process forks sm_scripts/extract.py, which decodes
drawn photos and makes their features in two threads. The other half is the bare race: a fork whose two threads
wait for each other right before their first inference.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from core import settings
from core.backends import LOCAL
from core.jobs import forks, prefork, processes
from core.training import script as scripts
from tests import shapes

SECONDS = 60.0
BARE_SECONDS = 20.0
PHOTOS = 16


def run(rounds: int, seed: int) -> dict[str, int | float | str]:
    """Forks of each kind `rounds` times; a fault is a fork that hangs or fails, or a second thread at a fork."""
    del seed
    begun = time.monotonic()
    counted = Counter(hung=0, failed=0, threads=0, bare_hung=0)
    with tempfile.TemporaryDirectory(prefix="fieldmark-forks-") as folder:
        _extractions(Path(folder), rounds, counted)
    counted["bare_hung"] = _apart(rounds)
    seconds = round(time.monotonic() - begun, 1)
    return {"forks": 2 * rounds, **counted, "seconds": seconds, "faults": sum(counted.values())}


def _extractions(folder: Path, rounds: int, counted: Counter[str]) -> None:
    photos = shapes.draw(folder / "photos" / "train", PHOTOS)
    before = {name: os.environ.get(name) for name in (settings.ENV_HOME, settings.ENV_PREPARE)}
    os.environ |= {settings.ENV_HOME: str(folder / "home"), settings.ENV_PREPARE: "0"}
    process = LOCAL.warm_up()
    try:
        while "ready" not in (settings.home() / "warm.log").read_text():
            time.sleep(0.05)
        for _ in range(rounds):
            counted["threads"] += len(list(Path(f"/proc/{process.pid}/task").iterdir())) - 1
            counted[_extraction(folder, photos)] += 1
    finally:
        LOCAL.cool_down(process)
        _restore(before)
    del counted["fine"]


def _restore(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def _extraction(folder: Path, photos: Path) -> str:
    """fine, hung or failed: how a fork of the warm process ended that made the features of all photos anew."""
    for made in folder.glob("features/*/*.npz"):
        made.unlink()
    channels = {
        "SM_CHANNEL_TRAIN": photos,
        "SM_CHANNEL_FEATURES": folder / "features",
        "SM_OUTPUT_DATA_DIR": folder / "output",
    }
    environment = processes.clean_environment({**processes.COMPUTING, "OMP_NUM_THREADS": "2"})
    environment |= {name: str(path) for name, path in channels.items()}
    arguments = ["--arch", "lite0@64", "--checkpoint_dir", str(folder / "checkpoints")]
    log = folder / "log.txt"
    code = prefork.run_script(
        settings.SM_SCRIPTS / "extract.py", arguments, environment, log, SECONDS
    )
    if code:
        print(log.read_text(errors="replace")[-2000:], flush=True)
    return {0: "fine", -signal.SIGKILL: "hung"}.get(-1 if code is None else code, "failed")


def _apart(rounds: int) -> int:
    """Return the bare race, in a process of its own that has set OpenVINO up as the warm process
    does."""
    return forks.in_fork(lambda: _bare(rounds), "The bare race could not be run.")


def _bare(rounds: int) -> int:
    openvino = scripts.import_openvino()
    return sum(_hangs(openvino) for _ in range(rounds))


def _hangs(openvino: Any) -> bool:
    pid = os.fork()
    if not pid:
        _meet(openvino)
    until = time.monotonic() + BARE_SECONDS
    while time.monotonic() < until:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True


def _meet(openvino: Any) -> None:
    import numpy as np
    from openvino import opset13

    given = opset13.parameter([4, 3, 32, 32], np.float32, "x")
    network = openvino.Model([opset13.relu(given)], [given], "relu")
    options = {"NUM_STREAMS": 2, "INFERENCE_NUM_THREADS": 2}
    compiled = openvino.Core().compile_model(network, "CPU", options)
    barrier = threading.Barrier(2)

    def work() -> None:
        request = compiled.create_infer_request()
        barrier.wait()
        request.infer([np.zeros((4, 3, 32, 32), np.float32)], share_inputs=True)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.01)
    sys.stdout.flush()
    os._exit(0)
