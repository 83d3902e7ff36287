"""Compute a model's features of one photo.

    python sm_scripts/embed.py MODEL_DIR photo.jpg features.npy

The cosine between the features of two photos measures how similar the model finds them.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import numpy as np
import torch

import saliency
from fieldmark_ml.runtime import write_atomic


@torch.inference_mode()
def features(model_dir: Path, data: bytes) -> np.ndarray:
    """Return float32 [all dimensions]: the backbones' features of the photo in `data`, one after
    the other, of the plain view.

    Raises ValueError for a bad image, and for a model that cannot be loaded.
    """
    model = saliency.load(model_dir)
    inputs = model.inputs([saliency.decode(data)])
    parts = [backbone(batch)[0] for backbone, batch in zip(model.backbones, inputs, strict=True)]
    return torch.cat(parts).float().cpu().numpy()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description="Writes the features that a model makes of a photo."
    )
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL_DIR",
        help="folder with model.json, model.safetensors and code/",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument("out", type=Path, metavar="OUT", help="a .npy file")
    options = parser.parse_args(arguments)
    try:
        made = features(options.model, options.image.read_bytes())
    except (ValueError, OSError) as error:
        print(f"The features could not be computed: {error}", file=sys.stderr)
        return 1
    buffer = io.BytesIO()
    np.save(buffer, made)
    write_atomic(options.out, buffer.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
