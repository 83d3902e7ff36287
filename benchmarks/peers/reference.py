"""Fine-tuning as torchvision's reference scripts do it:
a plain DataLoader, fp32, SGD with momentum, every layer trained.

    python -m benchmarks.peers.reference --images FOLDER --manifest manifest.csv \\
    --epochs 3 --image_size 224
"""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from benchmarks.peers import common

WORKERS, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY, LABEL_SMOOTHING = 2, 0.01, 0.9, 1e-4, 0.1

Loader = DataLoader[tuple[torch.Tensor, int]]


def training_transform(size: int) -> v2.Transform:
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, interpolation=v2.InterpolationMode.BICUBIC),
            v2.RandomHorizontalFlip(),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(common.MEAN, common.STD),
        ]
    )


def train_one_epoch(
    model: nn.Module,
    loader: Loader,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> float:
    """Train on every photo once; returns photos per second."""
    model.train()
    start, seen = time.perf_counter(), 0
    for images, labels in loader:
        loss = nn.functional.cross_entropy(model(images), labels, label_smoothing=LABEL_SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        seen += len(labels)
    return seen / (time.perf_counter() - start)


def evaluate(model: nn.Module, loader: Loader) -> float:
    model.eval()
    right = total = 0
    with torch.inference_mode():
        for images, labels in loader:
            right += int((model(images).argmax(1) == labels).sum())
            total += len(labels)
    return right / total


def main() -> None:
    parser = common.arguments(str(__doc__))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--image_size", type=int, default=224)
    options = parser.parse_args()
    photos = common.read_photos(options.images, options.manifest)
    torch.manual_seed(7)
    plain = common.evaluation_transform(options.image_size, round(options.image_size * 256 / 224))
    train = DataLoader(
        photos.dataset("train", training_transform(options.image_size)),
        options.batch_size,
        shuffle=True,
        num_workers=WORKERS,
    )
    validation = DataLoader(
        photos.dataset("validation", plain), options.batch_size, num_workers=WORKERS
    )
    test = DataLoader(photos.dataset("test", plain), options.batch_size, num_workers=WORKERS)
    model = common.lite0(len(photos.classes))
    optimizer = torch.optim.SGD(
        model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs * len(train))
    rates = []
    for epoch in range(1, options.epochs + 1):
        rates.append(train_one_epoch(model, train, optimizer, schedule))
        print(
            f"epoch {epoch}: {rates[-1]:.1f} photos/s, validation accuracy "
            f"{evaluate(model, validation):.3f}",
            flush=True,
        )
    common.report(
        accuracy=evaluate(model, test),
        n=len(photos.splits["test"]),
        images_per_second=statistics.median(rates),
    )


if __name__ == "__main__":
    main()
