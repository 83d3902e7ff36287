"""The container images that serve a model, and the archive that they load.

The archive is the model's own plus the entry point that the image's server needs.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from core import settings
from core.aws import connection, containers, instances
from core.aws.account import Account
from core.aws.storage import Store
from core.io import files
from core.models import store as models
from core.models.store import Model

logger = logging.getLogger(__name__)

# For the PyTorch image, whose toolkit looks for the entry point below code/.
HOSTED = "hosted.py"
# For the Ray image, which looks for these at the top.
RAY_DEPLOYMENT, RAY_CONFIG = "ray_deployment.py", "config.yaml"
RAY_APPLICATION = (
    "applications:\n  - name: fieldmark\n    route_prefix: /\n    import_path: ray_deployment:app\n"
)
RAY_GPU_HOST = "al2-ami-sagemaker-inference-gpu-3-1"
LOG_LEVEL = "20"
ANSWER_TIMEOUT = "60"


@dataclass(frozen=True)
class Server:
    """One of AWS's serving images: `cpu` and `gpu` are repository and tag.

    `ends` is the end of AWS's support, if known; `sdk` the framework and version by which the
    SageMaker SDK finds it; `memory_mb` its measured memory while serving, the least that is
    offered.
    """

    title: str
    cpu: str
    gpu: str
    sdk: tuple[str, str]
    memory_mb: int
    ends: date | None = None

    @property
    def is_past_its_end(self) -> bool:
        return self.ends is not None and datetime.now(UTC).date() > self.ends

    @property
    def note(self) -> str:
        """Return its support status, and what to do about its end."""
        if self.ends is None:
            return "AWS has not announced an end of support for this image."
        if not self.is_past_its_end:
            return f"AWS provides security patches for this image until {self.ends:%Y-%m-%d}."
        return (
            f"AWS stopped security patches for this image on {self.ends:%Y-%m-%d}. For patched "
            "software, build your own image (docs/serving_image/README.md) and enter it on the "
            "AWS page as the custom serving image."
        )


# The default first.
SERVERS: Mapping[str, Server] = {
    "pytorch": Server(
        "PyTorch 2.6 inference image (TorchServe)",
        "pytorch-inference:2.6.0-cpu-py312",
        "pytorch-inference:2.6.0-gpu-py312",
        ("pytorch", "2.6.0"),
        3072,
        date(2026, 6, 30),
    ),
    "ray": Server(
        "Ray Serve 1.4 image (PyTorch 2.10)",
        "ray:serve-ml-sagemaker-cpu-v1.4",
        "ray:serve-ml-sagemaker-cuda-v1.4",
        ("ray-serve", "1.4"),
        4096,
    ),
}


def image(server: str, account: Account, instance_type: str = "") -> str:
    """Return the address of a serving image; a serverless endpoint has no instance type.

    Raises UserError for a region without one.
    """
    if account.inference_image:
        return account.inference_image
    image = SERVERS[server].cpu
    if instances.has_gpu(instance_type):
        image = SERVERS[server].gpu
    return f"{containers.registry(account.region)}/{image}"


def note(server: str, account: Account) -> str:
    """Return what to know about the image that serves: AWS's, or the account's own."""
    if account.inference_image:
        return f"Your own image: {account.inference_image}."
    return SERVERS[server].note


def host_image(server: str, instance_type: str) -> str:
    """Return the machine image (AMI) that an endpoint must ask for, or '' for AWS's default.

    The default's NVIDIA driver is too old for the Ray image, whose container then never starts.
    """
    if server == "ray" and instances.has_gpu(instance_type):
        return RAY_GPU_HOST
    return ""


def pack(model: Model, server: str, folder: Path) -> Path:
    """Build `model.tar.gz` for one of SERVERS in `folder`; the same model gives the same bytes.

    Raises as models.unpack.
    """
    contents = folder / "serving"
    shutil.rmtree(contents, ignore_errors=True)
    models.unpack(models.archive(model), contents)
    if server == "ray":
        shutil.copyfile(settings.SM_SCRIPTS / RAY_DEPLOYMENT, contents / RAY_DEPLOYMENT)
        (contents / RAY_CONFIG).write_text(RAY_APPLICATION)
    shutil.copyfile(settings.SM_SCRIPTS / HOSTED, contents / "code" / HOSTED)
    archive = folder / f"{server}.tar.gz"
    models.pack(contents, archive)
    shutil.rmtree(contents)
    return archive


def send(
    model: Model, server: str, folder: Path, store: Store, check_stop: Callable[[], None]
) -> str:
    """Upload the archive, named by its content so that a model is uploaded once; return its URI.

    Raises BackendError.
    """
    folder.mkdir(exist_ok=True)
    archive = pack(model, server, folder)
    with archive.open("rb") as file:
        key = f"models/{hashlib.file_digest(file, 'sha256').hexdigest()}.tar.gz"
    size = files.human_bytes(archive.stat().st_size)
    logger.info("The archive for the %s image has %s.", server, size)

    def put() -> None:
        if not store.has(key):
            store.put_file(key, archive)

    connection.retry(put, check_stop)
    archive.unlink()
    return store.uri(key)


def environment(
    server: str, region: str, *, batch: bool, serverless: bool = False
) -> Mapping[str, str]:
    """Return the environment of the container.

    In a `batch` an unusable photo is answered with the reason, because an error status would fail
    the whole job.
    """
    ours = {"FIELDMARK_REFUSALS": "status"}
    if batch:
        ours = {"FIELDMARK_REFUSALS": "answer"}
    if server == "ray":
        return ours
    if serverless:
        # AWS recommends one worker; left alone, TorchServe starts one per vCPU, and each needs
        # memory of its own.
        ours["SAGEMAKER_MODEL_SERVER_WORKERS"] = "1"
    return {
        **ours,
        "SAGEMAKER_PROGRAM": HOSTED,
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "SAGEMAKER_CONTAINER_LOG_LEVEL": LOG_LEVEL,
        "SAGEMAKER_REGION": region,
        "TS_DEFAULT_RESPONSE_TIMEOUT": ANSWER_TIMEOUT,
    }
