"""Draws views of pages with Streamlit's test runner and prints the time. page_scale runs it once
per dataset, large_home once per home.

python -m benchmarks.app.page_probe '{"view": ["datasets", {"dataset": "many-0a1b2c"}], ...}'
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from core import settings

REDRAWS = 25
SECONDS = 120
ROUTER = str(settings.PROJECT / "ui" / "shell" / "router.py")
DATASETS = "datasets"

# A page, and the parameters in its address.
View = tuple[str, Mapping[str, str]]


def main(views: Mapping[str, View]) -> None:
    for page in {page for page, _ in views.values()}:
        _opened(page, {})  # app_start measures first pages, which are mostly imports
    found = {name: _drawn(page, parameters) for name, (page, parameters) in views.items()}
    print(json.dumps({"views": found, "peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    """Return the most memory that this process has held. ru_maxrss would include the parent
    process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _drawn(page: str, parameters: Mapping[str, str]) -> dict[str, float]:
    """Return the milliseconds of the view's first run in a session, and the median of its
    reruns."""
    app, first = _opened(page, parameters)
    if app.exception:
        raise SystemExit(f"{page} fails: {[item.value for item in app.exception]}")
    shows_photos = app.get("component") or app.get("bidi_component")
    if page == DATASETS and parameters and not shows_photos:
        raise SystemExit("the page shows no photos")
    again = []
    for _ in range(REDRAWS):
        started = time.perf_counter()
        app.run()
        again.append(1000 * (time.perf_counter() - started))
    return {"first_ms": round(first, 1), "redraw_ms": round(statistics.median(again), 1)}


def _opened(page: str, parameters: Mapping[str, str]) -> tuple[Any, float]:
    app = AppTest.from_file(ROUTER, default_timeout=SECONDS)
    app.query_params.update(parameters)
    app.run()
    started = time.perf_counter()
    app.switch_page(str(settings.PROJECT / "pages" / f"{page}.py")).run()
    return app, 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
