"""Runs benchmarks by name, or all of them.

python -m benchmarks cold_train FIELDMARK_BIRDS=/data/CUB_200_2011 python -m benchmarks # real
photos, not the drawn sketchbook
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from benchmarks import harness

# By folder. Each benchmark is a module in it with `run() -> harness.Outcome`, imported only if
# needed.
GROUPS = {
    "training": ("cold_train", "warm_train", "finetune", "head", "job_start", "tuning"),
    "datasets": ("inspect", "growth"),
    "batch": ("batch",),
    "models": ("unfamiliar",),
    "endpoints": ("endpoint_latency", "endpoint_throughput"),
    "app": ("app_start", "page_scale", "large_home", "import_rate"),
}
MODULES = {name: f"benchmarks.{group}.{name}" for group, names in GROUPS.items() for name in names}
NAMES = tuple(MODULES)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measures Fieldmark and its peers in one run."
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"one or more of: {', '.join(NAMES)} (default: all)",
    )
    names = parser.parse_args(arguments).names or NAMES
    if unknown := sorted(set(names) - set(NAMES)):
        parser.error(f"unknown benchmark: {', '.join(unknown)}. Choose from: {', '.join(NAMES)}")
    try:
        with harness.alone():
            for name in names:
                harness.show(import_module(MODULES[name]).run())
    except harness.BenchmarkError as error:
        print(f"Not measured: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
