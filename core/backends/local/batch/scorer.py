"""A model in memory for a batch: the artifact's own inference code, with each backbone on the
fastest engine of this machine."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from core import settings
from core.backends.local.datasets.fetching import decode_photos
from core.errors import BackendError
from core.io import files
from core.jobs import processes
from core.jobs.status.endpoints import Answer
from core.models.store import Model

logger = logging.getLogger(__name__)

PARITY_PHOTOS = 64
PLAIN = "plain"


class Scorer:
    """Classifies batches of photos; safe to call from `workers` threads at once."""

    def __init__(self, model: Model) -> None:
        """Load the model from its job's folder. Raises BackendError if a part of it is missing or
        damaged."""
        folder = model.folder.model
        # The artifact's code comes first, so that predictions equal those of its endpoint. The
        # engines, which it does not have, come from the scripts.
        sys.path[:] = [str(folder / "code"), *sys.path, str(settings.SM_SCRIPTS)]
        self._inference, self._fastest, self._torch = map(
            import_module, ("inference", "fieldmark_ml.engines.fastest", "torch")
        )
        networks = settings.features_dir() / "networks"
        self._measured = networks / f"{model.id}.json"
        try:
            self._model = self._inference.model_fn(str(folder))
        except (OSError, ValueError) as error:
            raise BackendError(
                f"The model {model.name} can't be loaded: {error}. Train it again."
            ) from error
        self.classes = model.classes
        self._precision = str(model.description.get("hyperparameters", {}).get("precision", "auto"))
        cpus = processes.cores()
        self._install = partial(self._fastest.install, self._model, self._precision, cpus, networks)
        self._cpus = cpus
        self._use("")

    def start_thread(self) -> None:
        """Prepare a thread that calls `answer`: one core per thread is faster than all threads
        sharing all cores."""
        if self.workers > 1:
            self._torch.set_num_threads(1)

    def decode(self, data: bytes) -> Any:
        """Decode a photo of any file size as the endpoint does. Raises ValueError with the
        reason."""
        try:
            return self._inference.Photo(self._inference.preprocessing.decode(data))
        except ValueError as error:
            raise ValueError(f"the photo cannot be used: {error}") from error

    def answer(self, photos: Sequence[Any]) -> list[Answer]:
        """Return the endpoint's answers for at most `batch` decoded photos, in their order."""
        if not photos:
            return []
        pixels = [photo.pixels for photo in photos]
        return list(self._inference.predict_batch(self._model, pixels, settings.TOP_K))

    def prepare(self, photos: Sequence[Any]) -> Any:
        """Return the network's inputs for decoded photos: the first part of `answer`."""
        return self._model.inputs([photo.pixels for photo in photos])

    def forward(self, inputs: Any) -> Any:
        """Return the logits of `prepare`'s inputs: the second part of `answer`."""
        with self._torch.inference_mode():
            return self._model(inputs)

    def settle(self, photos: Sequence[Path]) -> Mapping[str, object]:
        """Choose the fastest engine within tolerance of plain fp32; return the check.

        `photos` are the model's own. The check is cached for later jobs. Without photos to compare
        on, fp32 arithmetic is used.
        """
        if self._precision == "exact":
            return {}
        found = self._cached_check() or self._measure(photos)
        if found.get("form") != self.form:
            self._use(str(found.get("arithmetic", "fp32")))
        return found

    def _cached_check(self) -> Mapping[str, object]:
        if not self._measured.exists():
            return {}
        found: Mapping[str, object] = files.read_json(self._measured)
        most = self._fastest.MAX_DIFFERENCE
        if found.get("within") == most and found.get("first") == self.form:
            return found
        return {}

    def _measure(self, photos: Sequence[Path]) -> Mapping[str, object]:
        first = self.form
        known = self._fastest.reference(self._model, decode_photos(self._inference, photos))
        if not known.inputs:
            return {}
        for arithmetic in ("", "fp32"):
            if arithmetic:
                self._use(arithmetic)
            measured = self._fastest.parity(self._model, known, self.batch)
            logger.info("%s: %s", self.form, measured)
            if measured.good:
                break
        else:
            arithmetic = PLAIN
            self._use(PLAIN)
        difference, same = round(measured.max_difference, 6), measured.same_class
        if arithmetic == PLAIN:
            difference, same = 0.0, measured.photos
        found = {
            "first": first,
            "form": self.form,
            "arithmetic": arithmetic,
            "within": self._fastest.MAX_DIFFERENCE,
            "photos": measured.photos,
            "max_difference": difference,
            "same_class": same,
        }
        files.folder_below(settings.features_dir(), self._measured.parent.name)
        files.write_json(self._measured, found)
        return found

    def _use(self, arithmetic: str) -> None:
        """Use the fastest engine of this arithmetic ('': the default of the precision), or
        PLAIN."""
        if arithmetic == PLAIN:
            self._fastest.uninstall(self._model)
            self.form, self.workers = "torch fp32, eager", 1
            return
        forms = self._install(arithmetic=arithmetic)
        self.form = " + ".join(dict.fromkeys(form.name for form in forms))
        self.batch = min(form.batch for form in forms)
        # On a GPU the threads only decode; on a CPU each decodes and runs its own batch.
        self.workers = (
            self._cpus if self._model.device.type == "cuda" else max(form.workers for form in forms)
        )
