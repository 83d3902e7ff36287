"""A model in memory for a transform job: the artifact's own code answers, each backbone in the fastest form there is here."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from core import files, settings
from core.errors import BackendError
from core.models import Model

PARITY_PHOTOS = 16


class Scorer:
    """Answers for batches of photos; safe to call from `workers` threads at once."""

    def __init__(self, model: Model) -> None:
        """Loads the model from its job's folder. Raises BackendError where a part of it is missing or damaged."""
        folder = model.folder.model
        # The artifact's code first, so that it answers as its endpoint does; what it lacks (the forms) comes from the scripts.
        sys.path[:] = [str(folder / "code"), *sys.path, str(settings.SM_SCRIPTS)]
        self._inference, self._fastest, self._torch = map(import_module, ("inference", "fastest", "torch"))
        networks = settings.features_dir() / "networks"
        self._measured = networks / f"{model.id}.json"
        try:
            self._model = self._inference.model_fn(str(folder))
        except (OSError, ValueError) as error:
            raise BackendError(f"The model {model.name} can't be loaded: {error}. Train it again.") from error
        self.classes = model.classes
        self._precision = str(model.description.get("hyperparameters", {}).get("precision", "auto"))
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        forms = self._fastest.install(self._model, self._precision, cpus, networks)
        self.form = " + ".join(dict.fromkeys(form.name for form in forms))
        self.batch = min(form.batch for form in forms)
        # On a GPU the threads decode; on a CPU each decodes its batch and runs it.
        self.workers = cpus if self._model.device.type == "cuda" else max(form.workers for form in forms)

    def start_thread(self) -> None:
        """What every thread that calls `answer` does first: several with a core each waste less than all sharing all cores."""
        if self.workers > 1:
            self._torch.set_num_threads(1)

    def decode(self, data: bytes) -> Any:
        """A photo as the endpoint would take it, of any size in bytes. Raises ValueError with the reason."""
        try:
            return self._inference.Photo(self._inference.preprocessing.decode(data))
        except ValueError as error:
            raise ValueError(f"the photo cannot be used: {error}") from error

    def answer(self, photos: Sequence[Any]) -> list[dict[str, Any]]:
        """The endpoint's answers (DESIGN.md 4.2) for at most `batch` decoded photos, in their order."""
        return list(self._inference.predict_batch(self._model, [photo.pixels for photo in photos], settings.TOP_K)) if photos else []

    def prepare(self, photos: Sequence[Any]) -> Any:
        """Decoded photos as the network takes them: one part of `answer`, for measuring."""
        return self._model.inputs([photo.pixels for photo in photos])

    def forward(self, inputs: Any) -> Any:
        """What `prepare` made through the network to logits: the other part."""
        with self._torch.inference_mode():
            return self._model(inputs)

    def parity(self, photos: Sequence[Any]) -> dict[str, Any]:
        """How the fast form's answers differ from eager fp32's, measured once per model and form and kept. Where they differ too
        much, the plain form is used from here on. `photos` are at most PARITY_PHOTOS decoded ones."""
        if self._measured.exists() and (found := files.read_json(self._measured)).get("form") == self.form:
            return dict(found)
        if not photos or self._precision == "exact":
            return {}
        measured = self._fastest.parity(self._model, [photo.pixels for photo in photos], self.batch)
        found = {
            "form": self.form,
            "photos": measured.photos,
            "max_difference": round(measured.max_difference, 6),
            "same_class": measured.same_class,
            "used": measured.good,
        }
        files.write_json(self._measured, found)
        return found

    def use_plain(self) -> None:
        """Eager torch from here on."""
        self._fastest.uninstall(self._model)
        self.form, self.workers = "torch fp32, eager", 1
