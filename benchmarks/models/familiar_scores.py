"""The answers of a served model for images: its own code, run in a process without the rest of
Fieldmark.

    python -m benchmarks.models.familiar_scores MODEL_DIR LIST

LIST is a file with a JSON list of paths; the last line printed is the JSON answer.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

BATCH = 32


def main(arguments: list[str]) -> int:
    folder, listed = Path(arguments[0]), Path(arguments[1])
    sys.path.insert(0, str(folder / "code"))
    torch, inference, familiarity = (
        importlib.import_module(name)
        for name in ("torch", "inference", "fieldmark_ml.figures.familiarity")
    )
    model = inference.model_fn(str(folder))
    paths = json.loads(listed.read_text())
    answers: dict[str, list[Any]] = {"similarity": [], "confidence": [], "unfamiliar": []}
    with torch.inference_mode():
        for start in range(0, len(paths), BATCH):
            photos = [
                inference.preprocessing.decode(Path(path).read_bytes())
                for path in paths[start : start + BATCH]
            ]
            features = model.features(model.inputs(photos))
            answers["similarity"] += familiarity.similarity(features, model.means).tolist()
            answers["confidence"] += model.probabilities(model.head(features)).amax(1).tolist()
            answers["unfamiliar"] += model.unfamiliar(features).tolist()
    print(json.dumps(answers))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
