"""What an instance type is, and which of its kind SageMaker takes for training, batches and
endpoints: checked before anything is uploaded."""

from __future__ import annotations

import re
from typing import Literal

from core.aws import connection
from core.errors import UserError

Use = Literal["training", "batch", "hosting"]

# The enumeration of each use in AWS's own description of its API, which comes with botocore.
_SHAPES = {
    "training": "TrainingInstanceType",
    "batch": "TransformInstanceType",
    "hosting": "ProductionVariantInstanceType",
}
_GPU = re.compile(r"ml\.[pg]\d")
# A letter "d" after the generation (m5d, g4dn, p4de) means NVMe disks; some families always have
# them.
_LOCAL_DISK = re.compile(r"ml\.(?:[a-z]+\d+[a-z]*d[a-z]*|g[5-9]e?|p5\w*|p6\S*|trn\d\w*|dl1)\.")
# A letter "g" after the generation (c6g, m7gd) means ARM.
_ARM = re.compile(r"ml\.[cmrtx]\d+g[a-z]*\.|ml\.g5g\.|ml\.p6e-gb\d+\.")
# The newest CUDA releases do not support K80 and V100.
_OLD_GPU = re.compile(r"ml\.p[23](?:dn)?\.")


def has_gpu(instance_type: str) -> bool:
    """Return whether an instance type has NVIDIA GPUs: True for `ml.g5.xlarge`, False for
    `ml.m5.large` and `ml.m6g.large`."""
    return _GPU.match(instance_type) is not None


def has_local_disk(instance_type: str) -> bool:
    """Return whether an instance type stores data on disks of its own, as `ml.g5.xlarge` and
    `ml.m5d.large` do: they are always encrypted, and AWS refuses a KMS key for their volume."""
    return _LOCAL_DISK.match(instance_type) is not None


def check(instance_type: str, use: Use, *, own_image: bool) -> None:
    """Raise UserError, for the field `instance_type`, if SageMaker doesn't offer this type for
    `use` or AWS's images don't run on it. `own_image` says that the account names another image."""
    offered = _offered(use)
    if offered and instance_type not in offered:
        family = instance_type.rpartition(".")[0]
        others = [name for name in offered if name.startswith(f"{family}.")]
        near = f" Of this family it offers {', '.join(others)}." if others else ""
        raise UserError(
            f"SageMaker doesn't offer {instance_type} for {use}.{near}", field="instance_type"
        )
    if own_image:
        return
    if _ARM.match(instance_type):
        raise UserError(
            f"{instance_type} has ARM processors, and AWS's PyTorch images are for x86. Choose an "
            "x86 type, or name your own image on the AWS page.",
            field="instance_type",
        )
    if use == "training" and _OLD_GPU.match(instance_type):
        raise UserError(
            f"{instance_type} has GPUs that the CUDA version of AWS's training image doesn't "
            "support. Choose a g4dn, g5 or newer type.",
            field="instance_type",
        )


def _offered(use: Use) -> list[str]:
    model = connection.client("sagemaker").meta.service_model
    return list(model.shape_for(_SHAPES[use]).enum)
