"""Trains an image classifier, on this machine or in a SageMaker training job:
the same script, arguments and environment.

Photos in folders of classes (photos/train/<class>/<photo>, and validation/, test/ if they
exist):

    SM_CHANNEL_TRAIN=photos/train SM_CHANNEL_VALIDATION=photos/validation \\
    SM_CHANNEL_TEST=photos/test SM_MODEL_DIR=out/model SM_OUTPUT_DATA_DIR=out/output \\
    python train.py --checkpoint_dir out/checkpoints

A manifest (image_id, path, label, split) and the folder of its paths:

    SM_CHANNEL_IMAGES=photos SM_CHANNEL_MANIFEST=manifest \\
    SM_MODEL_DIR=out/model SM_OUTPUT_DATA_DIR=out/output \\
    python train.py --checkpoint_dir out/checkpoints --preset best

Fine-tuning, in two processes:

    ... torchrun --nproc_per_node 2 train.py --checkpoint_dir out/checkpoints \\
    --mode finetune --arch lite0@224 --epochs 6

It writes the model to SM_MODEL_DIR, predictions to SM_OUTPUT_DATA_DIR, and, if it fails, the
reason to SM_OUTPUT_DATA_DIR/failure. SIGTERM saves a checkpoint and exits 143; started again, the
training resumes from there. A completed training that is started again exits 0 at once.
"""

from __future__ import annotations

import sys

from fieldmark_ml import runtime, script
from fieldmark_ml.hyperparameters import Values

runtime.catch_signals()


def main(arguments: list[str]) -> int:
    """Return the exit code: 0 done, 1 failed, 2 an argument cannot be used, 143 stopped with
    everything saved."""
    runtime.log("Fieldmark training starts")
    return script.main(
        run,
        arguments,
        __doc__ or "",
        "stopped; a checkpoint is saved, and the same job resumes from it when it is started again",
    )


def run(values: Values) -> None:
    with runtime.phase("imports"):
        runtime.keep_memory()
        from fieldmark_ml.training import distributed

        distributed.relaunch_under_torchrun(sys.argv[1:])
        import torch

        from fieldmark_ml.photos import data
        from fieldmark_ml.training import job as jobs
        from fieldmark_ml.training import pipeline
    distributed.start()
    job = jobs.make(values)
    runtime.log(
        f"torch {torch.__version__} on {job.device}, {job.cpus} cores; {values['mode']}, "
        f"{values['arch']}, views {values['views']}"
    )
    photos = data.load()
    if values["crop_to_box"]:
        photos.crop_to_boxes()
    pipeline.run(job, photos)
    distributed.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
