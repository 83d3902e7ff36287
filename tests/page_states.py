"""The pages in their main states, over a home that an earlier Fieldmark left: what the catalogue of
words and the accessibility tests walk through."""

from __future__ import annotations

from core.datasets import store
from core.jobs import store as jobs

DATASET_VIEWS = ("Photos", "Map", "Issues", "Classes", "Report", "History", "New+version", "Export")
MODEL_VIEWS = ("Confusion", "Mistakes", "Photos", "Classes", "Calibration", "Compare", "About")
TUNING_VIEWS = ("Leaderboard", "History", "Importance", "Parameters", "Parallel", "Curves", "Log")
BATCH_VIEWS = ("photos", "table", "classes", "accuracy", "about")
ENDPOINT_VIEWS = ("Photos", "Load+test", "Monitor", "Use+it+from+code", "Log")
AWS_VIEWS = ("account", "running", "cleanup", "prices", "permissions", "selftest")
# The path of a page, without parameters, is the page as a new user finds it.
PAGES = ("", "datasets", "train", "tune", "models", "deploy", "batch", "aws")


def _only(kind: str, name: str) -> str:
    (job_id,) = [job.id for job in jobs.readable(kind) if job.name == name]
    return job_id


def over_the_old_home() -> list[str]:
    """Return the addresses of every page and view, of a running home without endpoints."""
    (dataset,) = [item for item in store.datasets() if isinstance(item, store.Dataset)]
    newest = next(item for item in store.versions(dataset.id) if isinstance(item, store.Version))
    photo = store.manifest_of(newest)["path"].iloc[0]
    of = f"datasets?dataset={dataset.id}"
    model = _only("training", "Small")
    return [
        *PAGES,
        f"{of}&photo={photo}",
        *(f"{of}&ds_view={view}" for view in DATASET_VIEWS),
        f"{of}&ds_view=Photos&ds_select=true",
        "datasets?view=import",
        f"train?clone={model}",
        f"train?job={model}",
        f"train?job={_only('training', 'Failed')}",
        f"train?job={_only('training', 'Stopped')}",
        "train?view=compare",
        *(f"tune?job={_only('tuning', 'Search')}&tu_view={view}" for view in TUNING_VIEWS),
        "tune?view=compare",
        *(f"models?model={model}&mo_view={view}" for view in MODEL_VIEWS),
        f"deploy?model={model}",
        *(f"batch?job={_only('transform', 'Test split')}&ba_view={view}" for view in BATCH_VIEWS),
        "batch?view=review",
        *(f"aws?aws_view={view}" for view in AWS_VIEWS),
    ]


def of_an_endpoint(endpoint_id: str) -> list[str]:
    """Return the addresses of an endpoint's page."""
    return [f"deploy?endpoint={endpoint_id}&dp_view={view}" for view in ENDPOINT_VIEWS]
