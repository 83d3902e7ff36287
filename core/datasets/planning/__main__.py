"""Print an import plan without importing anything.

python -m core.datasets.planning FOLDER [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from core.datasets.importing import origins
from core.datasets.planning import plan as plans
from core.datasets.planning import plan_text
from core.errors import UserError


def main() -> int:
    """Print the plan and return 0, or print the reason and return 2."""
    parser = argparse.ArgumentParser(prog="python -m core.datasets.planning", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="print the complete plan as JSON")
    arguments = parser.parse_args()
    try:
        _, plan = plans.make_plan(origins.require_folder(arguments.folder.absolute()))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(
        json.dumps(plan.as_dict(), ensure_ascii=False)
        if arguments.json
        else plan_text.format_plan(plan)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
