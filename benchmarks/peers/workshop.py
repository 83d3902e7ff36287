"""The recipe of the notebooks that Fieldmark replaces, as a script: the frozen network processes
augmented photos in every epoch.

A head of 256 units with dropout 0.3 learns by Adam at 3e-3 with batches of 8 for 5 epochs, in fp32,
photos read by Pillow in two loader processes. In its favour: the backbone is lite0, as in Fieldmark
(the notebook's ResNet-50 takes longer), with lite0's own mean and deviation (ImageNet's would cost
6 points), and validation runs once per epoch. The notebook validates at every third step;
`--validate_every 3` does the same.

    python -m benchmarks.peers.workshop --images FOLDER --manifest manifest.csv
"""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from benchmarks.peers import common

Loader = DataLoader[tuple[torch.Tensor, int]]

BATCH, EPOCHS, WORKERS, LEARNING_RATE = 8, 5, 2, 3e-3


class Workshop(nn.Module):
    """Frozen backbone, trainable head, log-probabilities out."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = common.lite0().requires_grad_(False)
        self.head = nn.Sequential(
            nn.Linear(common.FEATURES, 256),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(256, classes),
            nn.LogSoftmax(dim=1),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(images))


def training_transform() -> v2.Transform:
    return v2.Compose(
        [
            v2.RandomResizedCrop(256, scale=(0.8, 1.0)),
            v2.RandomRotation(15),
            v2.RandomHorizontalFlip(),
            v2.CenterCrop(224),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(common.MEAN, common.STD),
        ]
    )


def train_one_epoch(
    model: nn.Module,
    train: Loader,
    validation: Loader,
    optimizer: torch.optim.Optimizer,
    every: int,
) -> float:
    """Return the mean loss; validation runs every `every` steps, or never for 0."""
    model.train()
    total = 0.0
    for step, (images, labels) in enumerate(train, 1):
        optimizer.zero_grad()
        loss = nn.functional.nll_loss(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        if every and step % every == 0:
            print(f"step {step}: validation accuracy {accuracy(model, validation):.3f}", flush=True)
            model.train()
    return total / len(train.dataset)  # type: ignore[arg-type]


@torch.no_grad()
def accuracy(model: nn.Module, loader: Loader) -> float:
    model.eval()
    right = sum(int((model(images).argmax(1) == labels).sum()) for images, labels in loader)
    return right / len(loader.dataset)  # type: ignore[arg-type]


def main() -> None:
    parser = common.arguments(str(__doc__))
    parser.add_argument(
        "--validate_every",
        type=int,
        default=0,
        help="steps between passes over validation; 0: once an epoch",
    )
    options = parser.parse_args()
    photos = common.read_photos(options.images, options.manifest)
    torch.manual_seed(7)
    plain = common.evaluation_transform()
    train = DataLoader(
        photos.dataset("train", training_transform()), BATCH, shuffle=True, num_workers=WORKERS
    )
    validation = DataLoader(photos.dataset("validation", plain), BATCH, num_workers=WORKERS)
    test = DataLoader(photos.dataset("test", plain), BATCH, num_workers=WORKERS)
    model = Workshop(len(photos.classes))
    optimizer = torch.optim.Adam(model.head.parameters(), lr=LEARNING_RATE)
    for epoch in range(1, EPOCHS + 1):
        loss = train_one_epoch(model, train, validation, optimizer, options.validate_every)
        print(
            f"epoch {epoch}: train loss {loss:.3f}, validation accuracy "
            f"{accuracy(model, validation):.3f}",
            flush=True,
        )
    common.report(accuracy=accuracy(model, test), n=len(photos.splits["test"]))


if __name__ == "__main__":
    main()
