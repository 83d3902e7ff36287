"""Photos per second of fine-tuning, next to torchvision's reference loop at the same size and
batch."""

from __future__ import annotations

from benchmarks import harness
from benchmarks.harness import Outcome, Row
from benchmarks.photos import photos
from benchmarks.training.trainer import train

TARGET = 2.0
SETTINGS = {"epochs": "3", "batch_size": "32", "image_size": "224"}
OURS = {"mode": "finetune", "arch": "lite0", **SETTINGS}


def run() -> Outcome:
    where = photos()
    trained = train(where, harness.workspace() / "features-finetune", label="fine-tuning", **OURS)
    options = [part for name, value in SETTINGS.items() for part in (f"--{name}", value)]
    peer = harness.run_peer("reference", where.root, where.manifest, *options)
    reached = peer.report()
    return Outcome(
        "finetune",
        "images/s",
        Row(
            "ours",
            trained.images_per_second,
            trained.accuracy,
            f"{SETTINGS['epochs']} epochs, whole run {trained.run.seconds:.0f} s",
        ),
        Row(
            "peer: torchvision's loop",
            reached["images_per_second"],
            reached["accuracy"],
            f"the same, whole run {peer.seconds:.0f} s",
        ),
        TARGET,
        trained.n,
        more_is_better=True,
        extra={
            "seconds_ours": round(trained.run.seconds, 1),
            "seconds_peer": round(peer.seconds, 1),
        },
    )
