"""The card of a model, as Markdown or HTML: data, architecture, training, metrics and limits.

Every figure comes from model.json or from the stored predictions; what neither has is "unknown" or
left out. The text is in card.jinja.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core import settings
from core.evaluation import calibration, caveats, confusion, scores
from core.evaluation.predictions import Predictions
from core.models import document

SPLITS = tuple(name for name in settings.SPLITS if name != "unused")
PAIRS_SHOWN = 10

_TEMPLATE = Path(__file__).with_name("card.jinja")
_NO_FIGURE = "-"
_BACKBONE = ("arch", "image_size", "resize", "crop", "interpolation", "mean", "std")

Row = Sequence[str]


def markdown(
    model: Mapping[str, Any], predictions: Predictions | None = None, dataset_name: str = ""
) -> str:
    """Return the card as Markdown.

    `model`: the content of model.json; `predictions`: all that are stored, every split in one.
    """
    card = _card(model, predictions, dataset_name)
    return document.markdown(_TEMPLATE.read_text("utf-8"), {"card": card})


def html(
    model: Mapping[str, Any], predictions: Predictions | None = None, dataset_name: str = ""
) -> str:
    """Return the card as one HTML file that loads nothing else; arguments as for `markdown`."""
    card = _card(model, predictions, dataset_name)
    title = f"Model card: {card.title}"
    return document.html(_TEMPLATE.read_text("utf-8"), {"card": card}, title)


def _card(model: Mapping[str, Any], predictions: Predictions | None, dataset_name: str) -> _Card:
    found: dict[str, Predictions] = {}
    if predictions is not None:
        found = {name: predictions.of_split(name) for name in SPLITS}
    parts = {name: part for name, part in found.items() if part.known.any()}
    return _Card(model, predictions, dataset_name, parts)


@dataclass(frozen=True, eq=False)
class _Card:
    """The values of the template: figures and names of a model, from its model.json and its stored
    predictions by split (only splits with a labelled photo)."""

    model: Mapping[str, Any]
    predictions: Predictions | None
    dataset_name: str
    parts: Mapping[str, Predictions]

    bins = calibration.BINS

    @property
    def title(self) -> str:
        return str(self.model.get("name") or "Unnamed model")

    @property
    def created(self) -> str:
        return str(self.model.get("created") or "")

    @cached_property
    def classes(self) -> Row:
        stored: Sequence[str] = ()
        if self.predictions:
            stored = self.predictions.classes
        return [str(name) for name in self.model.get("classes") or stored]

    @cached_property
    def shown(self) -> str:
        """The split whose details are shown: test if it has labelled photos."""
        return next((name for name in ("test", "validation", "train") if name in self.parts), "")

    def said(self, name: str) -> str:
        """Return the value of model.json under a name, as text."""
        return _said(self.model.get(name))

    @property
    def dataset_id(self) -> str:
        return _said(self._group("dataset").get("id"))

    @property
    def dataset_version(self) -> str:
        return _said(self._group("dataset").get("version"))

    @cached_property
    def photo_rows(self) -> list[Row]:
        rows: list[Row] = []
        for split in SPLITS:
            scored, stored = self._recorded(split).get("n"), self._stored(split)
            if scored or stored:
                rows.append((split, _said(scored), str(stored)))
        return rows

    @property
    def parameters(self) -> str:
        given = self.model.get("parameters")
        if not given:
            return ""
        if isinstance(given, int):
            return f"{given:,}"
        return _said(given)

    @property
    def views(self) -> bool:
        return bool(self.model.get("views"))

    @cached_property
    def backbone_rows(self) -> list[Row]:
        given = self.model.get("backbones")
        if not isinstance(given, list):
            return []
        return [[_said(_mapping(backbone).get(key)) for key in _BACKBONE] for backbone in given]

    @cached_property
    def training_facts(self) -> list[Row]:
        seconds = [f"{name} {_said(value)} s" for name, value in self._group("seconds").items()]
        facts = {
            "Best epoch": self.model.get("best_epoch"),
            "Epochs run": self.model.get("epochs_run"),
            "Time": ", ".join(seconds),
        }
        return [(name, _said(value)) for name, value in facts.items() if value not in (None, "")]

    @cached_property
    def hyperparameter_rows(self) -> list[Row]:
        return [
            (name, _said(value)) for name, value in sorted(self._group("hyperparameters").items())
        ]

    @cached_property
    def metric_rows(self) -> list[Row]:
        return [row for split in SPLITS if (row := self._metric_row(split))]

    @property
    def disagreements(self) -> Iterator[tuple[str, scores.Score, scores.Score]]:
        """Splits whose score in model.json is not that of the stored predictions, with both."""
        for split, part in self.parts.items():
            recorded, counted = self._recorded_score(split), scores.top1(part)
            if recorded and recorded != counted:
                yield split, recorded, counted

    @property
    def class_rows(self) -> list[Row]:
        classes = scores.per_class(self.parts[self.shown]).to_dict("records")
        return [
            (
                row["label"],
                str(row["support"]),
                _decimal(row["precision"]),
                _recall(row),
                _decimal(row["f1"]),
            )
            for row in classes
        ]

    @cached_property
    def pair_rows(self) -> list[Row]:
        pairs = confusion.most_confused(self.parts[self.shown], PAIRS_SHOWN)
        return [(pair.first, pair.second, *_pair_cells(pair)) for pair in pairs]

    @property
    def temperature(self) -> float | None:
        return _number(self.model.get("temperature"))

    @property
    def threshold(self) -> float | None:
        return _number(self.model.get("unsure_threshold"))

    @cached_property
    def calibration_rows(self) -> list[Row]:
        return [
            (split, *_errors(part, self.temperature), *_sureness(part, self.threshold))
            for split, part in self.parts.items()
        ]

    @property
    def unfamiliar(self) -> bool:
        """Whether the model has a rule for photos unlike its training photos."""
        return bool(self._group("unfamiliar"))

    @property
    def unfamiliar_rows(self) -> list[Row]:
        return list(_flat(self._group("unfamiliar")))

    @property
    def caveats(self) -> list[str]:
        """The caveats that follow from the stored predictions."""
        found: list[str] = []
        if self.shown:
            found += caveats.small_numbers(self.parts[self.shown], self.shown)
        if self.predictions is not None:
            found += caveats.repeated_photos(self.predictions)
            found += caveats.unlabelled(self.predictions)
        return found

    def has_figures(self, split: str) -> bool:
        """Return whether either source has metrics of a split."""
        return split in self.parts or bool(self._recorded(split))

    def _group(self, name: str) -> Mapping[str, Any]:
        return _mapping(self.model.get(name))

    def _recorded(self, split: str) -> Mapping[str, Any]:
        """Return the training job's own metrics of a split; empty if it recorded none."""
        return _mapping(self._group("metrics").get(split))

    def _recorded_score(self, split: str) -> scores.Score | None:
        correct, n = (self._recorded(split).get(key) for key in ("correct", "n"))
        if isinstance(correct, int) and isinstance(n, int) and n > 0:
            return scores.Score(correct, n)
        return None

    def _stored(self, split: str) -> int:
        if not self.predictions:
            return 0
        return int(np.count_nonzero(self.predictions.split == split))

    def _metric_row(self, split: str) -> Row:
        if split in self.parts:
            return self._counted_row(split)
        recorded = self._recorded(split)
        if not recorded:
            return ()
        top1 = self._recorded_score(split) or f"{_decimal(recorded.get('top1'))} (n unknown)"
        top5 = _NO_FIGURE
        if len(self.classes) > settings.TOP_K:
            top5 = _decimal(recorded.get("top5"))
        rest = (_decimal(recorded.get(name)) for name in ("macro_f1", "loss"))
        return split, str(top1), top5, *rest, "model.json"

    def _counted_row(self, split: str) -> Row:
        found = scores.summary(self.parts[split])
        top5 = _NO_FIGURE
        if found.k < len(self.classes):
            top5 = str(found.top_k)
        rest = _decimal(found.macro_f1), _decimal(found.loss)
        return split, str(found.top1), top5, *rest, "stored predictions"


def _pair_cells(pair: confusion.ConfusedPair) -> Row:
    return (
        str(len(pair.first_as_second)),
        str(len(pair.second_as_first)),
        f"{pair.total}/{pair.photos} = {pair.share:.3f}",
    )


def _errors(part: Predictions, temperature: float | None) -> Row:
    """Return the calibration error with and without temperature scaling."""
    undone = _NO_FIGURE
    if temperature and temperature > 0:
        before = calibration.rescaled(part, 1 / temperature)
        undone = _decimal(calibration.expected_calibration_error(before))
    return _decimal(calibration.expected_calibration_error(part)), undone


def _sureness(part: Predictions, threshold: float | None) -> Row:
    """Return how many answers the threshold keeps, and how many of these are right."""
    if threshold is None:
        return _NO_FIGURE, _NO_FIGURE
    kept, n = calibration.kept(part, threshold), int(part.known.sum())
    right = _NO_FIGURE
    if kept.n:
        right = str(kept)
    return f"{kept.n}/{n} = {kept.n / n:.3f}", right


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield names and single values, also of nested groups. Lists, such as a mean feature vector,
    are left out."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name} / ")
        elif not isinstance(value, list):
            yield f"{prefix}{name}", _said(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    return {}


def _number(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _said(value: Any) -> str:
    """Return a recorded value as text; 'unknown' without one."""
    if value is None or value == "":
        return "unknown"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_said(part) for part in value)
    return str(value)


def _decimal(value: Any) -> str:
    number = _number(value)
    if number is None:
        return _NO_FIGURE
    return f"{number:.3f}"


def _recall(row: Mapping[Any, Any]) -> str:
    if not row["support"]:
        return _NO_FIGURE
    return f"{row['recall']:.3f} ({row['recall_low']:.3f} to {row['recall_high']:.3f})"
