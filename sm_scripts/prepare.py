"""Converts the networks of a preset in advance, so that the first job does not wait for them; they
are kept beside the features.

    python prepare.py FEATURES_DIR --preset fast

Pretrained weights that are not installed are downloaded by the job itself.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fieldmark_ml.architectures import PRESETS


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description="Converts the networks of a preset ahead of the first job."
    )
    parser.add_argument("features", type=Path, metavar="FEATURES_DIR")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="fast")
    options = parser.parse_args(arguments)
    # The user's own work has priority.
    os.nice(10)
    prepare(options.features, PRESETS[options.preset].arch)
    return 0


def prepare(root: Path, arch: str) -> None:
    import torch

    from fieldmark_ml.training.plan import plan

    # Converting uses one core and leaves the others free.
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        for backbone in plan(arch):
            backbone.form(root, "auto", device, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
