"""Tries to break Fieldmark by name: forks, kills, races and hostile input, many rounds of each.

python -m tests.faults forks --rounds 200

Each is a module of this folder with `run(rounds, seed) -> dict`: what was counted, with the number
of faults under "faults". The last line printed is that as JSON; the exit code is 1 if there was
one. The test suite runs the same with few rounds.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """Return the modules of this folder that can be run, by name."""
    return sorted(
        path.stem for path in HERE.glob("*.py") if not path.stem.startswith(("_", "test_"))
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("--rounds", type=int, default=100, help="how often (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="of what is chosen at random")
    options = parser.parse_args(arguments)
    module = import_module(f"tests.faults.{options.name}")
    counted = module.run(options.rounds, options.seed)
    for what, number in counted.items():
        print(f"{what:<40} {number}")
    print(json.dumps({"fault": options.name, "rounds": options.rounds, **counted}))
    return int(bool(counted["faults"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
