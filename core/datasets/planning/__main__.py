"""Print the plan of an import without importing anything.

python -m core.datasets.planning FOLDER [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from core.datasets.importing import origins
from core.datasets.planning import plan as plans
from core.datasets.planning import printed
from core.errors import UserError


def main() -> int:
    """Exit with 0, or with 2 and the reason where nothing can be understood."""
    parser = argparse.ArgumentParser(prog="python -m core.datasets.planning", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="the whole plan, for a program")
    given = parser.parse_args()
    try:
        _, plan = plans.make(origins.require_folder(given.folder.absolute()))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(plan.as_dict(), ensure_ascii=False) if given.json else printed.text(plan))
    return 0


if __name__ == "__main__":
    sys.exit(main())
