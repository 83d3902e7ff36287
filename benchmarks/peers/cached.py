"""The straightforward solution: features once, in fp32, then a linear head.

Photos are read by Pillow in two loader processes, the network runs eagerly on batches of 32, the
head learns by AdamW on standardised features, and the epoch that is best on validation is kept.

    python -m benchmarks.peers.cached --images FOLDER --manifest manifest.csv
"""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.utils.data import DataLoader

from benchmarks.peers import common

BATCH, EPOCHS, WORKERS, LEARNING_RATE, WEIGHT_DECAY = 32, 100, 2, 1e-3, 1e-2

Features = tuple[torch.Tensor, torch.Tensor]


@torch.no_grad()
def features(model: nn.Module, photos: common.Photos, split: str) -> Features:
    """Return the features [n, 1280] and class indices [n] of one split."""
    loader = DataLoader(
        photos.dataset(split, common.evaluation_transform()), BATCH, num_workers=WORKERS
    )
    batches = [(model(images), labels) for images, labels in loader]
    return torch.cat([vectors for vectors, _ in batches]), torch.cat(
        [labels for _, labels in batches]
    )


def accuracy(head: nn.Module, data: Features) -> float:
    with torch.no_grad():
        return float((head(data[0]).argmax(1) == data[1]).float().mean())


def train(data: dict[str, Features], classes: int) -> nn.Module:
    """Return a linear head, the best of its epochs on validation."""
    vectors, labels = data["train"]
    head = nn.Linear(common.FEATURES, classes)
    optimizer = torch.optim.AdamW(head.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    best, kept = -1.0, copy.deepcopy(head)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(vectors)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(head(vectors[batch]), labels[batch]).backward()
            optimizer.step()
        if (reached := accuracy(head, data["validation"])) > best:
            best, kept = reached, copy.deepcopy(head)
    return kept


def standardise(data: dict[str, Features]) -> dict[str, Features]:
    """Standardise every split by the training photos' mean and deviation."""
    vectors = data["train"][0]
    mean, deviation = vectors.mean(0), vectors.std(0).clamp_min(1e-6)
    return {split: ((found - mean) / deviation, labels) for split, (found, labels) in data.items()}


def main() -> None:
    options = common.arguments(str(__doc__)).parse_args()
    photos = common.read_photos(options.images, options.manifest)
    torch.manual_seed(7)
    backbone = common.lite0().eval()
    data = {}
    for split in ("train", "validation", "test"):
        data[split] = features(backbone, photos, split)
        print(f"{split}: features of {len(data[split][1])} photos", flush=True)
    data = standardise(data)
    head = train(data, len(photos.classes))
    common.report(accuracy=accuracy(head, data["test"]), n=len(photos.splits["test"]))


if __name__ == "__main__":
    main()
