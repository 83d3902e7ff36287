"""The life of one training job, in a thread of its own: instances, data, the toolkit, logs,
metrics, checkpoints, artifacts, the end."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tests.sagemaker.emulator.channels import Channel
from tests.sagemaker.emulator.checkpoints import Checkpoints
from tests.sagemaker.emulator.container import why_no_mounts
from tests.sagemaker.emulator.errors import JobFailure
from tests.sagemaker.emulator.instance import Instance
from tests.sagemaker.emulator.metrics import Metrics
from tests.sagemaker.emulator.world import Record, World, now

FINISHED = ("Completed", "Failed", "Stopped")
TICK_SECONDS = 0.1
MAX_REASON = 1024
# torchrun of all jobs meets at one port, which on AWS every cluster has for itself.
_CLUSTER = threading.Lock()


class Run:
    """`live()` runs it to its end; the other methods may be called from any thread meanwhile."""

    def __init__(
        self,
        world: World,
        row: Record,
        containers: Path,
        pull: Callable[[], bool],
        give_back: Callable[[], None],
    ) -> None:
        """`pull` says whether the image is there, `give_back` returns the instances to the quota."""
        self._pull = pull
        self._world, self._row, self._containers, self._give_back = (
            world,
            row,
            containers,
            give_back,
        )
        self._folder = world.root / "jobs" / row["TrainingJobName"]
        self._wish = ""
        self._woken = threading.Event()
        self._instances: list[Instance] = []
        self._trained = 0.0
        self._created = time.monotonic()
        self.metrics = Metrics(world.storage, row)
        self._checkpoints = Checkpoints(world.storage, row.get("CheckpointConfig"))
        self.finished = threading.Event()

    # What others ask of it

    def stop(self) -> None:
        self._row["TrainingJobStatus"] = "Stopping"
        self.phase("Stopping", "Stopping the training job")
        self._ask("stop")

    def interrupt(self, *, warned: bool) -> None:
        self._ask("warn" if warned else "take")

    def abandon(self) -> None:
        """For the end of a test: killed, nothing uploaded."""
        self._ask("abandon")

    def _ask(self, wish: str) -> None:
        with self._world.lock:
            if self._wish not in ("stop", "abandon") or wish == "abandon":
                self._wish = wish
            for instance in self._instances:
                instance.kill() if wish in ("take", "abandon") else instance.terminate()
        self._woken.set()

    # What the platform does with it

    def phase(self, status: str, message: str = "") -> None:
        """A secondary status, and the transition to it."""
        with self._world.lock:
            moment, transitions = now(), self._row["SecondaryStatusTransitions"]
            self._row.update(SecondaryStatus=status, LastModifiedTime=moment)
            if transitions:
                transitions[-1].setdefault("EndTime", moment)
            transitions.append({"Status": status, "StartTime": moment, "StatusMessage": message})

    def live(self) -> None:
        end, reason = "Failed", ""
        try:
            end = self._train()
            self._upload(end)
        except JobFailure as failure:
            reason = str(failure)[:MAX_REASON]
        except (OSError, ClientError, BotoCoreError) as error:
            reason = f"InternalServerError: We encountered an internal error. Please try again. ({error})"[
                :MAX_REASON
            ]
        finally:
            self._end(end, reason)

    def _end(self, end: str, reason: str) -> None:
        """`end` is a secondary status; the job's status follows from it."""
        shutil.rmtree(self._folder, ignore_errors=True)
        with self._world.lock:
            if reason:
                self._row["FailureReason"] = reason
                end = "Failed"
            self.phase(end, reason)
            paid = (
                self._world.settings.spot_share if self._row["EnableManagedSpotTraining"] else 1.0
            )
            if "TrainingStartTime" in self._row:
                seconds = max(1, round(self._trained))
                self._row.update(
                    TrainingTimeInSeconds=seconds,
                    BillableTimeInSeconds=max(1, round(paid * seconds)),
                    TrainingEndTime=now(),
                )
            self._row["TrainingJobStatus"] = end if end in FINISHED else "Stopped"
            self._give_back()
        self.finished.set()

    def _train(self) -> str:
        """Train, again after each interruption. The secondary status that it ends with;
        JobFailure."""
        if len(self._hosts()) > 1:
            with _CLUSTER:
                return self._attempts()
        return self._attempts()

    def _attempts(self) -> str:
        while True:
            end = self._attempt()
            if end != "Interrupted":
                return end
            self.phase("Interrupted", "Spot capacity was taken back")
            self.phase("Starting", "Waiting for spot capacity")
            with self._world.lock:
                if self._wish in ("warn", "take"):
                    self._wish = ""

    def _attempt(self) -> str:
        self._pause()
        self._world.fail_if_asked("training")
        if not self._wish:
            self.phase("Downloading", "Downloading input data")
            self._prepare()
        if not self._wish and not self._late():
            self.phase("Training", "Training image download completed. Training in progress.")
            self._row.setdefault("TrainingStartTime", now())
            return self._execute()
        return self._verdict() or "Completed"

    def _pause(self) -> None:
        """As long as the settings say, which may be changed meanwhile."""
        began = time.monotonic()
        while not self._wish and not self._late():
            left = began + self._world.settings.start_seconds - time.monotonic()
            if left <= 0:
                return
            self._woken.wait(min(left, TICK_SECONDS))

    def _prepare(self) -> None:
        hosts = self._hosts()
        if not self._pull():
            raise JobFailure(
                "ClientError: Cannot pull algorithm container. Either the image does not exist or its permissions are incorrect."
            )
        shutil.rmtree(self._folder, ignore_errors=True)
        channels = [
            Channel.of(entry, self._row["AlgorithmSpecification"]["TrainingInputMode"])
            for entry in self._row.get("InputDataConfig", [])
        ]
        if self._row["AlgorithmSpecification"].get("ContainerEntrypoint") and (
            why := why_no_mounts()
        ):
            raise JobFailure(
                "ClientError: a container with an entry point of its own needs Linux namespaces: "
                f"{why}"
            )
        with self._world.lock:
            self._instances = [
                Instance(
                    self._world,
                    self._row,
                    self._containers,
                    self._folder / host,
                    host,
                    hosts,
                    channels,
                )
                for host in hosts
            ]
        for number, instance in enumerate(self._instances):
            for channel in channels:
                channel.download(
                    self._world.storage, instance.channel(channel.name), number, len(hosts)
                )
            self._checkpoints.restore(instance.ml)
            instance.write_configuration()

    def _hosts(self) -> tuple[str, ...]:
        return tuple(
            f"algo-{number + 1}" for number in range(self._row["ResourceConfig"]["InstanceCount"])
        )

    def _execute(self) -> str:
        """Run the containers to their end, and report the reason."""
        began, before = time.monotonic(), self._trained
        with self._world.lock:
            if not self._wish:
                for instance in self._instances:
                    instance.start()
        while any(instance.running for instance in self._instances):
            self._trained = before + time.monotonic() - began
            self._tick()
            time.sleep(TICK_SECONDS)
        self._tick(last=True)
        verdict = self._verdict()
        failed = next((instance for instance in self._instances if instance.code), None)
        if failed and not verdict:
            raise JobFailure(failed.failure())
        return verdict or "Completed"

    def _tick(self, *, last: bool = False) -> None:
        for number, instance in enumerate(self._instances):
            lines = instance.flush()
            if number == 0:
                self.metrics.take(lines)
        self._checkpoints.sync(
            [instance.ml for instance in self._instances],
            self._world.settings.sync_seconds,
            last=last,
        )
        ended = [instance for instance in self._instances if not instance.running]
        if self._late() or any(instance.code for instance in ended):
            for instance in self._instances:
                instance.terminate()

    def _late(self) -> str:
        """MaxRuntimeExceeded, MaxWaitTimeExceeded or the empty string."""
        stopping = self._row["StoppingCondition"]
        if (
            self._trained
            > stopping.get("MaxRuntimeInSeconds", 86_400) * self._world.settings.limit_second
        ):
            return "MaxRuntimeExceeded"
        if time.monotonic() - self._created > stopping.get("MaxWaitTimeInSeconds", float("inf")):
            return "MaxWaitTimeExceeded"
        return ""

    def _verdict(self) -> str:
        """Return how it ends where it does not end by itself: the secondary status, else the empty
        string."""
        wishes = {
            "stop": "Stopped",
            "abandon": "Stopped",
            "warn": "Interrupted",
            "take": "Interrupted",
        }
        return wishes.get(self._wish) or self._late()

    def _upload(self, end: str) -> None:
        if self._wish == "abandon" or "TrainingStartTime" not in self._row:
            return
        if end == "Completed":
            self.phase("Uploading", "Uploading generated training model")
        target = f"{self._row['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self._row['TrainingJobName']}/output"
        for part, name in (("model", "model"), ("output/data", "output")):
            folder = self._merged(part)
            if any(folder.iterdir()) or (name == "model" and end == "Completed"):
                self._world.storage.put_tar(folder, f"{target}/{name}.tar.gz")
                if name == "model":
                    self._row["ModelArtifacts"] = {"S3ModelArtifacts": f"{target}/model.tar.gz"}

    def _merged(self, part: str) -> Path:
        """Return what all hosts have left there, in the first one's folder."""
        first, *others = [instance.ml / part for instance in self._instances]
        for other in others:
            shutil.copytree(other, first, dirs_exist_ok=True)
        return first
