"""Fieldmark from Python: import photos, train, evaluate and predict, as the pages do.

    import fieldmark as fm

    photos = fm.import_folder("~/birds")
    model = fm.train(photos, preset="fast")
    print(model.evaluate().accuracy)
    model.predict(["cardinal.jpg"])

Everything is kept in the same home (FIELDMARK_HOME) that the app shows, with the same ids.
"""

from fieldmark import _ground as _ground  # first: it makes core importable

from core.errors import FieldmarkError, NotFound, UserError  # isort: skip
from fieldmark.api.datasets import (
    Dataset,
    dataset,
    datasets,
    import_archive,
    import_folder,
    import_s3,
    plan,
    sample,
)
from fieldmark.api.endpoints import Endpoint, endpoint, endpoints
from fieldmark.api.models import Batch, Evaluation, Model, model, models
from fieldmark.api.training import Tuning, train, tune
from fieldmark.api.work import JobFailed, jobs

__all__ = [
    "Batch",
    "Dataset",
    "Endpoint",
    "Evaluation",
    "FieldmarkError",
    "JobFailed",
    "Model",
    "NotFound",
    "Tuning",
    "UserError",
    "dataset",
    "datasets",
    "endpoint",
    "endpoints",
    "import_archive",
    "import_folder",
    "import_s3",
    "jobs",
    "model",
    "models",
    "plan",
    "sample",
    "train",
    "tune",
]
