"""A model's card: what it is, what it was made from, how right it is and where it is not, as
Markdown or HTML.

Every figure comes from model.json or from the stored predictions; what neither holds is said to be
unknown or left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from core import settings
from core.evaluation import calibration, caveats, confusion, scores
from core.evaluation.predictions import Predictions
from core.models import document
from core.models.document import Block, Bullets, Heading, Paragraph, Table

SPLITS = tuple(name for name in settings.SPLITS if name != "unused")
PAIRS_SHOWN = 10

_NO_FIGURE = "-"
_MODES = {
    "frozen": " (the backbone stayed as it was; a head was trained on its features)",
    "finetune": " (the whole network was trained)",
}


@dataclass(frozen=True, eq=False)
class _Subject:
    """The model a card is about: its model.json, and its stored predictions by split (only splits
    with a photo of known class)."""

    model: Mapping[str, Any]
    predictions: Predictions | None
    dataset_name: str
    parts: Mapping[str, Predictions]

    @property
    def classes(self) -> Sequence[str]:
        return [
            str(name)
            for name in self.model.get("classes")
            or (self.predictions.classes if self.predictions else ())
        ]

    @cached_property
    def shown(self) -> str:
        """The split whose details are shown: the one the model never saw, where there is one."""
        return next((name for name in ("test", "validation", "train") if name in self.parts), "")

    def recorded(self, split: str) -> Mapping[str, Any]:
        """The training job's own figures of a split; empty where it recorded none."""
        return _mapping(_mapping(self.model.get("metrics")).get(split))

    def recorded_score(self, split: str) -> scores.Score | None:
        correct, n = (self.recorded(split).get(key) for key in ("correct", "n"))
        return (
            scores.Score(correct, n)
            if isinstance(correct, int) and isinstance(n, int) and n > 0
            else None
        )


def markdown(
    model: Mapping[str, Any], predictions: Predictions | None = None, dataset_name: str = ""
) -> str:
    """The card as Markdown.

    `model`: the content of model.json; `predictions`: all that are stored, every split in one.
    """
    return document.markdown(blocks(model, predictions, dataset_name))


def html(
    model: Mapping[str, Any], predictions: Predictions | None = None, dataset_name: str = ""
) -> str:
    """The card as one HTML file that loads nothing; arguments as for `markdown`."""
    return document.html(
        blocks(model, predictions, dataset_name), title=f"Model card: {_title(model)}"
    )


def blocks(
    model: Mapping[str, Any], predictions: Predictions | None = None, dataset_name: str = ""
) -> list[Block]:
    """The card's content in order."""
    found = {name: predictions.of_split(name) for name in SPLITS} if predictions is not None else {}
    parts = {name: part for name, part in found.items() if part.known.any()}
    subject = _Subject(model, predictions, dataset_name, parts)
    sections = (
        _head,
        _data,
        _architecture,
        _training,
        _metrics,
        _per_class,
        _confused,
        _calibration,
        _unfamiliar,
        _use,
        _limits,
    )
    return [block for section in sections for block in section(subject)]


def _head(subject: _Subject) -> Iterator[Block]:
    yield Heading(_title(subject.model), level=1)
    created = subject.model.get("created")
    yield Paragraph(
        f"An image classifier for {len(subject.classes)} classes, trained with "
        f"Fieldmark{f' on {created}' if created else ''}."
    )


def _data(subject: _Subject) -> Iterator[Block]:
    dataset = _mapping(subject.model.get("dataset"))
    yield Heading("Data")
    name = (
        f"{subject.dataset_name} ({_said(dataset.get('id'))})"
        if subject.dataset_name
        else _said(dataset.get("id"))
    )
    yield Bullets((f"Dataset: {name}", f"Version: {_said(dataset.get('version'))}"))
    scored = {split: subject.recorded(split).get("n") for split in SPLITS}
    stored = {
        split: int(np.count_nonzero(subject.predictions.split == split))
        if subject.predictions
        else 0
        for split in SPLITS
    }
    rows = [
        (split, _said(scored[split]), str(stored[split]))
        for split in SPLITS
        if scored[split] or stored[split]
    ]
    if rows:
        yield Table(
            ("Split", "Photos scored by the training job", "Photos with a stored prediction"), rows
        )
    else:
        yield Paragraph("How many photos each split has is unknown.")


def _architecture(subject: _Subject) -> Iterator[Block]:
    model, mode = subject.model, _said(subject.model.get("mode"))
    yield Heading("Architecture")
    items = [f"Architecture: {_said(model.get('arch'))}", f"Mode: {mode}{_MODES.get(mode, '')}"]
    if model.get("parameters"):
        items.append(f"Parameters: {_count(model['parameters'])}")
    if model.get("views"):
        items.append(f"Views of each photo: {_said(model['views'])}")
    yield Bullets(items)
    backbones = model.get("backbones")
    keys = ("arch", "image_size", "resize", "crop", "interpolation", "mean", "std")
    if isinstance(backbones, list) and backbones:
        columns = (
            "Backbone",
            "Input (pixels)",
            "Short side resized to",
            "Crop",
            "Interpolation",
            "Mean",
            "Standard deviation",
        )
        yield Table(
            columns,
            [[_said(_mapping(backbone).get(key)) for key in keys] for backbone in backbones],
        )


def _training(subject: _Subject) -> Iterator[Block]:
    model = subject.model
    seconds = [f"{name} {_said(value)} s" for name, value in _mapping(model.get("seconds")).items()]
    named = (
        ("Best epoch", model.get("best_epoch")),
        ("Epochs run", model.get("epochs_run")),
        ("Time", ", ".join(seconds)),
    )
    items = [f"{name}: {_said(value)}" for name, value in named if value not in (None, "")]
    settings_given = sorted(_mapping(model.get("hyperparameters")).items())
    if items or settings_given:
        yield Heading("Training")
    if items:
        yield Bullets(items)
    if settings_given:
        yield Table(
            ("Hyperparameter", "Value"), [(name, _said(value)) for name, value in settings_given]
        )


def _metrics(subject: _Subject) -> Iterator[Block]:
    yield Heading("Metrics")
    rows = [row for split in SPLITS if (row := _metric_row(subject, split))]
    if not rows:
        yield Paragraph(
            "Unknown: model.json holds no figures and there are no stored predictions of photos "
            "with a known class."
        )
        return
    yield Table(("Split", "Top-1", "Top-5", "Macro F1", "Loss (nats)", "Counted from"), rows)
    for split in subject.parts:
        recorded, counted = subject.recorded_score(split), scores.top1(subject.parts[split])
        if recorded and recorded != counted:
            yield Paragraph(
                f"On {split}, model.json records {recorded.correct}/{recorded.n}, the stored "
                f"predictions give {counted}."
            )


def _metric_row(subject: _Subject, split: str) -> Sequence[str]:
    if split in subject.parts:
        found = scores.summary(subject.parts[split])
        top5 = str(found.top_k) if found.k < len(subject.classes) else _NO_FIGURE
        return (
            split,
            str(found.top1),
            top5,
            _decimal(found.macro_f1),
            _decimal(found.loss),
            "stored predictions",
        )
    recorded, score = subject.recorded(split), subject.recorded_score(split)
    if not recorded:
        return ()
    top1 = str(score) if score else f"{_decimal(recorded.get('top1'))} (n unknown)"
    top5 = _decimal(recorded.get("top5")) if len(subject.classes) > settings.TOP_K else _NO_FIGURE
    return (
        split,
        top1,
        top5,
        _decimal(recorded.get("macro_f1")),
        _decimal(recorded.get("loss")),
        "model.json",
    )


def _per_class(subject: _Subject) -> Iterator[Block]:
    if not subject.shown:
        return
    yield Heading(f"Each class, on {subject.shown}")
    classes = scores.per_class(subject.parts[subject.shown]).to_dict("records")
    yield Table(
        ("Class", "Photos", "Precision", "Recall (95 % Wilson)", "F1"),
        [
            (
                row["label"],
                str(row["support"]),
                _decimal(row["precision"]),
                _recall(row),
                _decimal(row["f1"]),
            )
            for row in classes
        ],
    )


def _confused(subject: _Subject) -> Iterator[Block]:
    if not subject.shown:
        return
    yield Heading(f"Most confused classes, on {subject.shown}")
    pairs = confusion.most_confused(subject.parts[subject.shown], PAIRS_SHOWN)
    if not pairs:
        yield Paragraph("No photo was given a wrong class.")
        return
    yield Table(
        ("Class", "Taken for", "Photos", "The other way round", "Share of both classes' photos"),
        [(pair.first, pair.second, *_pair_cells(pair)) for pair in pairs],
    )


def _pair_cells(pair: confusion.ConfusedPair) -> Sequence[str]:
    return (
        str(len(pair.first_as_second)),
        str(len(pair.second_as_first)),
        f"{pair.total}/{pair.photos} = {pair.share:.3f}",
    )


def _calibration(subject: _Subject) -> Iterator[Block]:
    temperature, threshold = (
        _number(subject.model.get("temperature")),
        _number(subject.model.get("unsure_threshold")),
    )
    yield Heading("Calibration")
    unsure = (
        "unknown"
        if threshold is None
        else f"{threshold:.3f} (a photo whose best class has less is answered as unsure)"
    )
    yield Bullets(
        (
            f"Temperature: {'unknown' if temperature is None else f'{temperature:.3f}'}",
            f"Unsure threshold: {unsure}",
        )
    )
    rows = [
        (split, *_calibration_cells(part, temperature, threshold))
        for split, part in subject.parts.items()
    ]
    if rows:
        yield Table(
            (
                "Split",
                f"ECE (Guo et al. 2017, {calibration.BINS} bins)",
                "ECE with the temperature undone",
                "Sure of",
                "Right when sure",
            ),
            rows,
        )


def _calibration_cells(
    part: Predictions, temperature: float | None, threshold: float | None
) -> Sequence[str]:
    undone = _NO_FIGURE
    if temperature and temperature > 0:
        undone = _decimal(
            calibration.expected_calibration_error(calibration.rescaled(part, 1 / temperature))
        )
    before = _decimal(calibration.expected_calibration_error(part)), undone
    if threshold is None:
        return *before, _NO_FIGURE, _NO_FIGURE
    kept, n = calibration.kept(part, threshold), int(part.known.sum())
    return *before, f"{kept.n}/{n} = {kept.n / n:.3f}", str(kept) if kept.n else _NO_FIGURE


def _unfamiliar(subject: _Subject) -> Iterator[Block]:
    rule = _mapping(subject.model.get("unfamiliar"))
    yield Heading("Unfamiliar photos")
    if not rule:
        yield Paragraph(
            "This model has no rule for photos unlike everything it was trained on: it names one "
            "of its classes for any image."
        )
        return
    yield Paragraph(
        "A photo that lies far from the training photos in feature space is answered as "
        "unfamiliar. The rule, as model.json records it:"
    )
    yield Table(("Setting", "Value"), list(_settings(rule)))


def _settings(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names and single values, those of nested groups too; lists (a mean feature vector) are not
    for reading and stay out."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{prefix}{name} / ")
        elif not isinstance(value, list):
            yield f"{prefix}{name}", _said(value)


def _use(subject: _Subject) -> Iterator[Block]:
    yield Heading("Intended use")
    yield Bullets(
        (
            (
                f"Naming the class of one photo at a time, out of these {len(subject.classes)}: "
                f"{', '.join(subject.classes)}."
            ),
            (
                "Photos like those of its dataset: the figures above say nothing about other "
                "places, cameras or ways of choosing photos."
            ),
            (
                "A person should look at the answer wherever a wrong name would do harm, and at "
                "every answer marked unsure or unfamiliar."
            ),
        )
    )


def _limits(subject: _Subject) -> Iterator[Block]:
    yield Heading("Limits")
    items = [*_limits_of_split(subject), *_limits_of_answers(subject)]
    if subject.predictions is not None:
        items = [
            *caveats.repeated_photos(subject.predictions),
            *caveats.unlabelled(subject.predictions),
            *items,
        ]
    if subject.shown:
        items = [*caveats.small_numbers(subject.parts[subject.shown], subject.shown), *items]
    yield Bullets(items)


def _limits_of_split(subject: _Subject) -> Iterator[str]:
    if "validation" in subject.parts or subject.recorded("validation"):
        yield (
            "The epoch, the temperature and the thresholds were chosen on validation, so the "
            "figures on validation flatter the model."
        )
    if "train" in subject.parts or subject.recorded("train"):
        yield (
            "The figures on train are of photos the model learned from: they say how well it "
            "remembers, not how well it knows."
        )
    if "test" not in subject.parts and not subject.recorded("test"):
        yield (
            "There are no figures on a test split: how right the model is on photos that played "
            "no part in making it is unknown."
        )


def _limits_of_answers(subject: _Subject) -> Iterator[str]:
    if _mapping(subject.model.get("unfamiliar")):
        yield (
            "For anything that is none of its classes the model still computes one; the "
            "unfamiliar rule is there to catch this."
        )
    else:
        yield (
            "For anything that is none of its classes it names one all the same, often with a "
            "high probability."
        )
    yield "One class for each photo: where two are in the picture, one of them is not named."
    yield (
        "Labels were taken as given: a photo with a wrong one counts as a mistake where the model "
        "is right, and as right where it is not."
    )


def _title(model: Mapping[str, Any]) -> str:
    return str(model.get("name") or "Unnamed model")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _said(value: Any) -> str:
    """A recorded value for people; 'unknown' where there is none."""
    if value is None or value == "":
        return "unknown"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_said(part) for part in value)
    return str(value)


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else _said(value)


def _decimal(value: Any) -> str:
    number = _number(value)
    return _NO_FIGURE if number is None else f"{number:.3f}"


def _recall(row: Mapping[Any, Any]) -> str:
    if not row["support"]:
        return _NO_FIGURE
    return f"{row['recall']:.3f} ({row['recall_low']:.3f} to {row['recall_high']:.3f})"
