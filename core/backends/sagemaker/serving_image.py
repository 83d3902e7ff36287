"""The archive that a serving image is given: the model's own, and beside it what that image's server needs to find its way in."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from core import models, settings
from core.models import Model

# For the PyTorch image, whose toolkit looks for the entry point below code/.
HOSTED = "hosted.py"
# For the Ray image, which looks for these at the top.
RAY_DEPLOYMENT, RAY_CONFIG = "ray_deployment.py", "config.yaml"
RAY_APPLICATION = "applications:\n  - name: fieldmark\n    route_prefix: /\n    import_path: ray_deployment:app\n"
LOG_LEVEL = "20"
ANSWER_TIMEOUT = "60"


def pack(model: Model, server: str, folder: Path) -> Path:
    """`model.tar.gz` for one of images.SERVERS, made in `folder`; the same bytes for the same model. Raises as models.unpack does."""
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


def environment(server: str, region: str, *, batch: bool) -> Mapping[str, str]:
    """What the container is told. In a `batch` a photo that can't be used is answered with the reason, because any refusal would
    fail the whole job."""
    ours = {"FIELDMARK_REFUSALS": "answer" if batch else "status"}
    if server == "ray":
        return ours
    return {
        **ours,
        "SAGEMAKER_PROGRAM": HOSTED,
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "SAGEMAKER_CONTAINER_LOG_LEVEL": LOG_LEVEL,
        "SAGEMAKER_REGION": region,
        "TS_DEFAULT_RESPONSE_TIMEOUT": ANSWER_TIMEOUT,
    }
