"""The model card: every figure from model.json or the stored predictions, nothing made up, everything escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.evaluation.predictions import Predictions
from core.models import card as model_card

CLASSES = ["American Crow", "Fish Crow", "Cardinal"]


def described(**changes: Any) -> dict[str, Any]:
    """A model.json as the training script writes it."""
    figures = {"top1": 0.75, "top5": 1.0, "loss": 0.5, "macro_f1": 0.7, "correct": 6, "n": 8}
    return {
        "format": 1,
        "name": "Crows and cardinals",
        "arch": "lite0",
        "backbones": [
            {
                "arch": "lite0",
                "image_size": 288,
                "resize": 288,
                "mean": [0.5, 0.5, 0.5],
                "std": [0.5, 0.5, 0.5],
                "interpolation": "bicubic",
                "crop": "center",
            }
        ],
        "views": ["plain", "flip"],
        "mode": "frozen",
        "classes": CLASSES,
        "temperature": 1.25,
        "unsure_threshold": 0.55,
        "unfamiliar": {
            "threshold": 12.5,
            "distance": "mahalanobis",
            "auroc": {"drawn shapes": 0.991},
            "mean": [0.1, 0.2],
        },
        "metrics": {
            "validation": figures,
            "test": {**figures, "correct": 5, "n": 7},
            "train": {**figures, "correct": 40, "n": 41},
        },
        "best_epoch": 12,
        "epochs_run": 20,
        "seconds": {"features": 4.25, "training": 1.5, "total": 8.0},
        "dataset": {"id": "birds12-1a2b3c", "version": "v2"},
        "hyperparameters": {"arch": "lite0", "lr": "1e-3"},
        "parameters": 3374723,
        "created": "2026-03-02T17:34:01Z",
        **changes,
    }


def answered(classes: list[str] | None = None) -> Predictions:
    """Seven test photos, five right: a crow is predicted as the other kind once each way. One more photo has no label."""
    truth = [0, 0, 0, 1, 1, 2, 2, -1]
    said = [0, 0, 1, 1, 0, 2, 2, 2]
    given = np.full((8, 3), 0.1, dtype=np.float32)
    given[np.arange(8), said] = 0.8
    given[4] = [0.5, 0.4, 0.1]
    return Predictions(
        image_id=np.array([f"{index:064x}" for index in range(8)]),
        path=np.array([f"{index}.jpg" for index in range(8)]),
        split=np.array(["test"] * 8),
        label=np.array(truth, dtype=np.intp),
        probabilities=given,
        classes=tuple(classes or CLASSES),
    )


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", text))


def test_the_card_says_what_the_model_is_and_how_right() -> None:
    card = model_card.markdown(described(), answered(), dataset_name="Twelve birds")
    assert card.startswith("# Crows and cardinals\n")
    for line in (
        "An image classifier for 3 classes, trained with Fieldmark on 2026-03-02T17:34:01Z.",
        "- Dataset: Twelve birds (birds12-1a2b3c)",
        "- Version: v2",
        "| test | 7 | 8 |",
        "- Parameters: 3,374,723",
        "- Views of each photo: plain, flip",
        "| lite0 | 288 | 288 | center | bicubic | 0.5, 0.5, 0.5 | 0.5, 0.5, 0.5 |",
        "- Time: features 4.25 s, training 1.5 s, total 8 s",
        "| lr | 1e-3 |",
        "| train | 40/41 = 0.976 (95 % Wilson 0.874 to 0.996) | - | 0.700 | 0.500 | model.json |",
        "| American Crow | 3 | 0.667 | 0.667 (0.208 to 0.939) | 0.667 |",
        "| Cardinal | 2 | 1.000 | 1.000 (0.342 to 1.000) | 1.000 |",
        "| American Crow | Fish Crow | 1 | 1 | 2/5 = 0.400 |",
        "| threshold | 12.5 |",
        "| auroc / drawn shapes | 0.991 |",
        "- 1 of 8 photos have no label and count in no metric.",
    ):
        assert line in card.splitlines(), line
    assert "| test | 5/7 = 0.714 (95 % Wilson 0.359 to 0.918) | - | 0.722 |" in card
    assert "6/7 = 0.857 | 5/6 = 0.833 (95 % Wilson" in card


def test_sections_come_in_order_in_both_forms() -> None:
    titles = [
        *(
            "Data",
            "Architecture",
            "Training",
            "Metrics",
            "Metrics by class, on test",
            "Most confused classes, on test",
            "Calibration",
        ),
        *("Unfamiliar photos", "Intended use", "Limits"),
    ]
    assert (
        re.findall(r"^## (.*)$", model_card.markdown(described(), answered()), re.MULTILINE)
        == titles
    )
    page = model_card.html(described(), answered())
    assert re.findall(r"<h2>(.*)</h2>", page) == titles
    assert "<title>Model card: Crows and cardinals</title>" in page


def test_top5_is_given_only_where_there_are_more_than_five_classes() -> None:
    many = [f"class {index}" for index in range(6)]
    assert "| 0.700 | 0.500 | model.json |" in model_card.markdown(described(classes=many))
    assert "| 1.000 | 0.700 | 0.500 | model.json |" in model_card.markdown(described(classes=many))
    assert "| - | 0.700 | 0.500 | model.json |" in model_card.markdown(described())


def test_a_disagreement_between_the_two_sources_is_said() -> None:
    metrics = {"test": {"correct": 6, "n": 7}}
    card = model_card.markdown(described(metrics=metrics), answered())
    assert "On test, model.json records 6/7, but the stored predictions give 5/7 = 0.714" in card
    assert "model.json records" not in model_card.markdown(described(unfamiliar=None), answered())


def test_what_is_not_recorded_is_unknown_or_left_out() -> None:
    card = model_card.markdown({"format": 1, "classes": CLASSES})
    assert numbers(card) <= {"3"}
    for line in (
        "# Unnamed model",
        "- Dataset: unknown",
        "- Version: unknown",
        "The number of photos per split is unknown.",
        "- Architecture: unknown",
        "- Mode: unknown",
        "- Temperature: unknown",
        "- Unsure threshold: unknown",
    ):
        assert line in card.splitlines(), line
    assert "Unknown: model.json has no metrics" in card
    assert "This model has no rule for unfamiliar photos" in card
    assert "There are no metrics on a test split" in card
    assert "are optimistic" not in card
    for title in ("Training", "Metrics by class", "Most confused"):
        assert f"## {title}" not in card


def test_predictions_alone_give_their_figures() -> None:
    card = model_card.markdown({"format": 1, "classes": CLASSES}, answered())
    assert "| test | unknown | 8 |" in card
    assert "| test | 5/7 = 0.714" in card
    assert re.search(r"\| test \| 0\.\d{3} \| - \| - \| - \|", card)


def test_without_test_photos_validation_is_shown() -> None:
    found = replace(answered(), split=np.array(["validation"] * 8))
    card = model_card.markdown(described(metrics={}), found)
    assert "## Metrics by class, on validation" in card
    assert "so the validation metrics are optimistic" in card


def test_a_model_without_mistakes() -> None:
    found = answered()
    card = model_card.markdown(described(), found.take(np.flatnonzero(found.correct)))
    assert "No mistakes." in card


@pytest.mark.parametrize(
    "changes",
    [
        {
            "metrics": None,
            "dataset": None,
            "seconds": None,
            "hyperparameters": None,
            "backbones": None,
            "views": None,
        },
        {
            "metrics": {"test": None},
            "backbones": [None],
            "mode": ["frozen"],
            "temperature": "warm",
            "unsure_threshold": None,
        },
        {
            "metrics": {"test": {"correct": "six", "n": 0}},
            "backbones": 3,
            "temperature": 0,
            "unsure_threshold": float("nan"),
        },
        {
            "metrics": [1],
            "dataset": "x",
            "unfamiliar": [1],
            "parameters": "many",
            "best_epoch": None,
            "temperature": -1,
        },
    ],
)
def test_a_strange_model_json_still_gives_a_card(changes: dict[str, Any]) -> None:
    for found in (None, answered()):
        assert "## Limits" in model_card.markdown(described(**changes), found)
        assert "<h2>Limits</h2>" in model_card.html(described(**changes), found)


def test_fault_12_markup_in_names_is_shown_as_text() -> None:
    nasty = ["<script>alert(1)</script>", ":red[x]", "![](http://evil.example/x.png)|"]
    model = described(name=nasty[0], classes=nasty, hyperparameters={nasty[1]: nasty[2]})
    page = model_card.html(model, answered(nasty), dataset_name=nasty[0])
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    card = model_card.markdown(model, answered(nasty), dataset_name=nasty[0])
    assert not re.search(r"(?<!\\)(<script|\[|!\[)", card)
    assert "\\:red\\[x\\]" in card
