"""Computes and caches the features of photos, as a training does, without training. Inspections
compare photos by them.

    SM_CHANNEL_IMAGES=photos SM_CHANNEL_MANIFEST=manifest SM_CHANNEL_FEATURES=cache \\
    SM_OUTPUT_DATA_DIR=out python extract.py --arch lite0@288

Takes the arguments of train.py. Writes SM_OUTPUT_DATA_DIR/features.json: `caches`, a list per
backbone with the name of the cache folder of each view, and `bad`, the photos that could not be
used with the reason. A photo whose features are cached is not opened.
"""

from __future__ import annotations

import functools
import json
import sys

from fieldmark_ml import runtime, script
from fieldmark_ml.hyperparameters import Values

runtime.catch_signals()


def main(arguments: list[str]) -> int:
    """Return the exit code: 0 done, 1 failed, 2 an argument cannot be used, 143 stopped with
    everything saved."""
    return script.main(run, arguments, __doc__ or "", "stopped; the features made so far are kept")


def run(values: Values) -> None:
    """Fill the caches of every backbone and view that the values name.

    Raises TrainingError, Stopped.
    """
    runtime.say_phase("imports")
    runtime.keep_memory()
    import numpy as np

    from fieldmark_ml.architectures import VIEWS
    from fieldmark_ml.photos import data
    from fieldmark_ml.training import features
    from fieldmark_ml.training import job as jobs
    from fieldmark_ml.training.cache import Cache
    from fieldmark_ml.training.plan import plan

    job = jobs.make(values)
    photos = data.load()
    root = features.cache_root(job.checkpoint_dir)
    made = []
    runtime.say_phase("features")
    for backbone in plan(values["arch"]):
        caches = {
            view: Cache(root, backbone.recipe(view, job.precision))
            for view in VIEWS[values["views"]]
        }
        make_form = functools.partial(
            backbone.form, root, values["precision"], job.device, job.cpus
        )
        features.ensure(photos, np.arange(len(photos)), caches, backbone.how, make_form)
        made.append([cache.folder.name for cache in caches.values()])
        runtime.check_stop()
    bad = {photos.paths[row]: reason for row, reason in photos.bad.items()}
    runtime.write_atomic(
        job.output_dir / "features.json", json.dumps({"caches": made, "bad": bad}).encode()
    )
    runtime.log(
        f"features of {len(photos) - len(bad)} photos are cached, {len(bad)} could not be used"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
