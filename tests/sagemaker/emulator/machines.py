"""Instance types as AWS's documentation describes them: disks of their own, processors, GPUs."""

from __future__ import annotations

import re

from tests.sagemaker.emulator.errors import invalid
from tests.sagemaker.emulator.world import Record

# Families with disks of their own, from the table "Instance store volumes" of Amazon EC2's guide.
LOCAL_DISKS = re.compile(
    r"c5d|c6gd|c6id|c7gd|c8gd|dl1|g4ad|g4dn|g5g?|g6e?|g7e?|gr6|i3(en)?|i4[gi]|m5dn?|m6gd|m6idn?"
    r"|m7gd|m8gd|p3dn|p4de?|p5(e|en)?|p6.*|r5dn?|r6gd|r6idn?|r7gd|r8gd|trn1n?|trn2|x1|x2gd|z1d"
)
_ARM = re.compile(r"(?:[cmrtx]\d+g[a-z]*|g5g|i4g|p6e-gb\d+)")
_GPU = re.compile(r"[pg]\d")
_SIZES = {"nano": 1, "micro": 1, "small": 1, "medium": 1, "large": 2, "xlarge": 4}


def family(kind: str) -> str:
    """Return `m5` of `ml.m5.large`."""
    return kind.split(".")[1]


def is_arm(kind: str) -> bool:
    """Return whether the type has Graviton processors, for which x86 images are of no use."""
    return _ARM.fullmatch(family(kind)) is not None


def has_gpu(kind: str) -> bool:
    return _GPU.match(family(kind)) is not None


def vcpus(kind: str) -> int:
    """Return how many vCPUs a type has, as nearly all families count them."""
    size = kind.split(".")[2]
    return _SIZES.get(size) or 4 * int(re.sub(r"\D", "", size) or 1)


def refuse_key(machines: Record) -> None:
    """ApiError for a volume's key on an instance type that encrypts its own disks."""
    kind = machines.get("InstanceType", "")
    if machines.get("VolumeKmsKeyId") and LOCAL_DISKS.fullmatch(family(kind)):
        raise invalid(
            f"You can't request a VolumeKmsKeyId when using an instance type with local storage: {kind}."
        )
