"""One instance of a training job: its /opt/ml, AWS's training toolkit in it, and what that says."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from pathlib import Path

from tests.sagemaker.emulator import overlay
from tests.sagemaker.emulator.channels import Channel
from tests.sagemaker.emulator.container import ML, Container, Layout
from tests.sagemaker.emulator.world import REGION, Record, World

GROUP = "/aws/sagemaker/TrainingJobs"
FOLDERS = ("input/config", "input/data", "model", "output/data", "code")
MAX_FAILURE_CHARS = 900


class Instance:
    """`folder` is a place for its files, `hosts` the whole cluster."""

    def __init__(
        self,
        world: World,
        row: Record,
        containers: Path,
        folder: Path,
        host: str,
        hosts: tuple[str, ...],
        channels: list[Channel],
    ) -> None:
        self._world, self._row, self._channels = world, row, channels
        self._python = overlay.make(containers, folder / "python")
        self._layout = Layout(
            folder / "ml",
            host,
            hosts,
            row["EnableNetworkIsolation"],
            tuple(f"{ML}/input/data/{channel.name}" for channel in channels if channel.streamed),
        )
        for name in FOLDERS:
            (self.ml / name).mkdir(parents=True, exist_ok=True)
        stream = f"{row['TrainingJobName']}/{host}-{int(time.time())}"
        self._stream = world.storage.stream(GROUP, stream)
        self._container: Container | None = None
        self._reader: threading.Thread | None = None
        self._lines: list[str] = []
        self.code = 0

    @property
    def ml(self) -> Path:
        return self._layout.ml

    def channel(self, name: str) -> Path:
        return self.ml / "input" / "data" / name

    def write_configuration(self) -> None:
        """The three files that the toolkit reads."""
        kind, hosts = self._row["ResourceConfig"]["InstanceType"], list(self._layout.hosts)
        resources = {
            "current_host": self._layout.host,
            "current_instance_type": kind,
            "current_group_name": "homogeneousCluster",
            "hosts": hosts,
            "instance_groups": [
                {"instance_group_name": "homogeneousCluster", "instance_type": kind, "hosts": hosts}
            ],
            "network_interface_name": "lo",
        }
        values = {
            name: value.replace(f"{ML}/", f"{self._layout.inside}/")
            for name, value in self._row.get("HyperParameters", {}).items()
        }
        written = {
            "hyperparameters": values,
            "inputdataconfig": {channel.name: channel.described() for channel in self._channels},
            "resourceconfig": resources,
        }
        for name, content in written.items():
            (self.ml / "input" / "config" / f"{name}.json").write_text(json.dumps(content))

    def start(self) -> None:
        specification = self._row["AlgorithmSpecification"]
        command = [
            *specification.get("ContainerEntrypoint", ["train"]),
            *specification.get("ContainerArguments", []),
        ]
        if command[0] == "train":
            command[0] = str(self._python / "bin" / "train")
        settings = self._world.settings
        self._container = Container(
            command,
            self._layout,
            self._environment(),
            grace=settings.grace_seconds,
            deaf=not settings.sigterm,
        )
        self._reader = threading.Thread(target=self._read, args=(self._container,), daemon=True)
        self._reader.start()

    def _environment(self) -> dict[str, str]:
        credentials = {
            "AWS_ENDPOINT_URL": self._world.url,
            "AWS_ACCESS_KEY_ID": "job",
            "AWS_SECRET_ACCESS_KEY": "job",
        }
        return {
            "PATH": f"{self._python / 'bin'}{os.pathsep}{os.defpath}",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "TRAINING_JOB_NAME": self._row["TrainingJobName"],
            "TRAINING_JOB_ARN": self._row["TrainingJobArn"],
            "SAGEMAKER_TRAINING_MODULE": "sagemaker_pytorch_container.training:main",
            "SM_CURRENT_HOST": self._layout.host,
            "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // len(self._layout.hosts))),
            # The containers of one machine here share its cores, and spinning threads would take them from each other.
            "OMP_WAIT_POLICY": "PASSIVE",
            **({} if self._layout.isolated else credentials),
            **self._unlike_a_container(),
            **self._row.get("Environment", {}),
        }

    def _unlike_a_container(self) -> dict[str, str]:
        """Return where /opt/ml can't be mounted, the toolkit is told where it is, and that the
        host's name is not known."""
        if self._layout.inside == ML:
            return {}
        return {"SAGEMAKER_BASE_DIR": str(self.ml), "SM_STUDIO_LOCAL_MODE": "True"}

    def _read(self, container: Container) -> None:
        for line in container.lines():
            self._lines.append(line)
        self.code = container.wait()

    @property
    def running(self) -> bool:
        return self._reader is not None and self._reader.is_alive()

    def flush(self) -> list[str]:
        """Return what was printed since the last call, after it has reached the log stream."""
        count = len(self._lines)
        lines, self._lines[:count] = self._lines[:count], []
        if lines:
            self._stream.put(lines)
        return lines

    def terminate(self) -> None:
        if self._container and self.running:
            self._container.terminate()

    def kill(self) -> None:
        if self._container:
            self._container.kill()

    def failure(self) -> str:
        """Return what DescribeTrainingJob says about a container that failed."""
        said = ""
        with contextlib.suppress(OSError):
            said = (self.ml / "output" / "failure").read_text(errors="replace")[:MAX_FAILURE_CHARS]
        return f"AlgorithmError: {said}, exit code: {self.code}"
