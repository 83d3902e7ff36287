"""The peers still run: each once, over a handful of drawn photos."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import harness


@pytest.fixture
def few_photos(tmp_path: Path) -> tuple[Path, Path]:
    """Two classes of ten noisy photos each, told apart by colour, and their manifest."""
    rows, random = [], np.random.default_rng(7)
    for label, colour in (("blue", (40, 60, 200)), ("red", (200, 60, 40))):
        for number in range(10):
            pixels = np.clip(np.array(colour) + random.normal(0, 30, (120, 160, 3)), 0, 255).astype(
                "uint8"
            )
            path = tmp_path / "images" / label / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
            split = "test" if number > 7 else "validation" if number > 5 else "train"
            rows.append({"path": f"{label}/{number}.jpg", "label": label, "split": split})
    manifest = tmp_path / "manifest.csv"
    with manifest.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "label", "split"])
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path / "images", manifest


@pytest.mark.parametrize(
    ("peer", "options"),
    [("workshop", ()), ("cached", ()), ("reference", ("--epochs", "1", "--batch_size", "4"))],
)
def test_a_peer_trains_and_reports(
    few_photos: tuple[Path, Path], peer: str, options: tuple[str, ...]
) -> None:
    report = harness.run_peer(peer, *few_photos, *options).report()
    assert report["n"] == 4
    # A dozen photos are too few for the network itself to learn from, and enough for a head.
    assert (0 if peer == "reference" else 0.5) <= report["accuracy"] <= 1
    assert peer != "reference" or report["images_per_second"] > 0
