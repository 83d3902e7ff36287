"""Small real files for the tests: photos of noise, folders of classes, and a look-alike of CUB-200-2011."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from core.datasets import manifest
from core.datasets.importing.entries import Layout, OnFile
from core.datasets.planning import plan as plans
from core.datasets.planning import read


def recognised(folder: Path, on_file: OnFile = lambda: None) -> Layout:
    """What an import takes from a folder, as it is understood without a person's help."""
    listing, plan = plans.make_plan(folder, on_file)
    return read.read(listing, plan.decisions, on_file)


def pixels(seed: int, size: tuple[int, int] = (48, 36)) -> Image.Image:
    """An RGB image that no other seed gives; width x height as `size`."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR)


def photo(path: Path, seed: int = 0, size: tuple[int, int] = (48, 36)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels(seed, size).save(path)
    return path


def class_folders(root: Path, sizes: Mapping[str, int]) -> Path:
    """`<root>/<class>/<nn>.jpg`, every photo different, whatever else is made in the same test."""
    for name, size in sizes.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(size):
            photo(root / name / f"{number:03d}.jpg", seed=seed_of(f"{root}/{name}/{number}"))
    return root


def seed_of(text: str) -> int:
    return int.from_bytes(unicodedata.normalize("NFC", text).encode()[-24:], "big")


CUB_CLASSES = {17: "017.Cardinal", 29: "029.American_Crow", 36: "036.Northern_Flicker"}


def cub(root: Path, per_class: int = 8, absent: Iterable[int] = ()) -> Path:
    """A cut of CUB-200-2011: original ids, which are no positions, half of each class train; boxes that run past the edge.

    Every photo is 48 x 36. Photos whose ids are in `absent` are listed and not there. Ids begin at 1000 and grow by 3.
    """
    tables: dict[str, list[str]] = {
        name: [] for name in ("images", "image_class_labels", "train_test_split", "bounding_boxes")
    }
    image_id = 1000
    for class_id, folder in CUB_CLASSES.items():
        for number in range(per_class):
            name = f"{folder}/{folder[4:]}_{number:04d}_{image_id}.jpg"
            if image_id not in set(absent):
                photo(root / "images" / name, seed=image_id)
            tables["images"].append(f"{image_id} {name}")
            tables["image_class_labels"].append(f"{image_id} {class_id}")
            tables["train_test_split"].append(f"{image_id} {int(number % 2 == 0)}")
            tables["bounding_boxes"].append(f"{image_id} 30.0 -1.0 25.0 20.0")
            image_id += 3
    tables["classes"] = [f"{class_id} {name}" for class_id, name in CUB_CLASSES.items()]
    for name, lines in tables.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return root


def frame(labels: Mapping[str, int], **columns: Any) -> pd.DataFrame:
    """A manifest without files: so many images per label, ids that look like SHA-256."""
    rows = [(label, number) for label, size in labels.items() for number in range(size)]
    ids = np.random.default_rng(len(rows)).bytes(32 * len(rows)).hex()
    made = manifest.frame_of(
        {
            "image_id": [ids[64 * i : 64 * i + 64] for i in range(len(rows))],
            "path": [f"{label}/{number:06d}.jpg" for label, number in rows],
            "label": [label for label, _ in rows],
            "width": [48] * len(rows),
            "height": [36] * len(rows),
            "size_bytes": [1000] * len(rows),
        }
    )
    return made.assign(**columns)
