"""Training a head, calibrating it and counting what it gets right, against plain definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from fieldmark_ml.figures import calibration, familiarity, scoring
from fieldmark_ml.network import head as heads
from fieldmark_ml.training import fit, logistic


@pytest.fixture
def blobs() -> tuple[torch.Tensor, torch.Tensor]:
    """120 points of 4 classes in 20 dimensions, one of which never changes."""
    torch.manual_seed(0)
    labels = torch.arange(120) % 4
    points = torch.randn(4, 20)[labels] + 0.8 * torch.randn(120, 20)
    points[:, 7] = 3.0
    return points, labels


def made_head(points: torch.Tensor, classes: int = 4) -> heads.Head:
    head = heads.Head("linear", points.shape[1], classes)
    head.standardise_on(points)
    return head.eval()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_gradient_is_that_of_the_objective(
    blobs: tuple[torch.Tensor, torch.Tensor], smoothing: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    points, labels = blobs
    monkeypatch.setattr(logistic, "CHUNK", 50)
    head = made_head(points)
    start = 0.1 * torch.randn(21, 4)
    regression = logistic.LogisticRegression(
        head, heads.Examples(points, labels), 0.3, smoothing, start
    )
    weights = start.clone().requires_grad_()
    logits = ((points - head.mean) / head.deviation) @ weights[:-1] + weights[-1]
    objective = (
        functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        + 0.15 * weights[:-1].square().sum()
    )
    objective.backward()
    assert regression.now.value == pytest.approx(objective.item(), abs=1e-5)
    assert weights.grad is not None
    assert (regression.now.gradient - weights.grad).abs().max() < 1e-5
    assert regression.now.accuracy == pytest.approx(
        (logits.argmax(1) == labels).double().mean().item()
    )


@pytest.mark.parametrize("weight_decay", [1.0, 0.01, 1e-4])
def test_lbfgs_reaches_the_minimum_of_scikit_learn(
    blobs: tuple[torch.Tensor, torch.Tensor], weight_decay: float
) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    points, labels = blobs
    head = made_head(points)
    examples = heads.Examples(points, labels)
    result = fit.fit_lbfgs(
        head, examples, heads.Examples(points[:0], labels[:0]), weight_decay, 0.0, 500, fit.Hooks()
    )
    head.load_state_dict(result.state, strict=False)
    ours = torch.softmax(heads.logits_of(head, points), 1).numpy()
    standard = ((points - head.mean) / head.deviation).numpy()
    theirs = linear_model.LogisticRegression(
        C=1 / (weight_decay * len(labels)), max_iter=5000, tol=1e-8
    ).fit(standard, labels.numpy())
    assert np.abs(ours - theirs.predict_proba(standard)).max() < 0.01


def test_the_loss_falls_from_the_first_epoch_to_the_last(
    blobs: tuple[torch.Tensor, torch.Tensor],
) -> None:
    points, labels = blobs
    examples = heads.Examples(points, labels)
    fitted = fit.fit_lbfgs(made_head(points), examples, examples, 0.3, 0.0, 500, fit.Hooks())
    losses = [row["train_loss"] for row in fitted.history]
    assert losses[0] == max(losses)
    assert losses[0] > 1.3 * losses[-1]


def test_features_that_hang_together_cost_few_iterations() -> None:
    """Their covariance is what slows L-BFGS: without the preconditioner it takes 90 iterations."""
    seeded = torch.Generator().manual_seed(0)
    labels = torch.arange(1500) % 10
    sizes = torch.arange(1, 201).float() ** -1.5
    turned = torch.linalg.qr(torch.randn(200, 200, generator=seeded))[0]
    centres = torch.randn(10, 200, generator=seeded) * sizes
    noise = torch.randn(1500, 200, generator=seeded) * sizes
    points = (centres[labels] + noise) @ turned
    none = heads.Examples(points[:0], labels[:0])
    train = heads.Examples(points, labels)
    fitted = fit.fit_lbfgs(made_head(points, 10), train, none, 0.001, 0.0, 500, fit.Hooks())
    assert fitted.epochs_run < 45


def test_a_feature_that_never_changes_in_training_moves_nothing(
    blobs: tuple[torch.Tensor, torch.Tensor],
) -> None:
    points, _ = blobs
    head = made_head(points)
    moved = points.clone()
    moved[:, 7] += 1e-3
    assert (heads.logits_of(head, moved) - heads.logits_of(head, points)).abs().max() < 1e-2


def test_the_best_epoch_is_kept_and_patience_ends_it() -> None:
    watch = fit.Watch(2)
    losses = [0.9, 0.5, 0.6, 0.7, 0.1]
    stops = [
        watch.see({"train_loss": 0.0, "validation_loss": loss}, {"w": torch.tensor(loss)})
        for loss in losses[:4]
    ]
    assert stops == [False, False, False, True]
    assert watch.fit().best_epoch == 2
    assert watch.fit().state["w"] == 0.5


def test_ties_of_accuracy_go_to_the_lower_loss_and_epoch_0_may_win() -> None:
    watch = fit.Watch(0, by_accuracy=True)
    watch.start({"validation_accuracy": 0.8, "validation_loss": 0.5}, {})
    for accuracy, loss in ((0.8, 0.6), (0.7, 0.1)):
        watch.see({"train_loss": 0.0, "validation_accuracy": accuracy, "validation_loss": loss}, {})
    assert watch.fit().best_epoch == 0
    watch.see({"train_loss": 0.0, "validation_accuracy": 0.8, "validation_loss": 0.4}, {})
    assert watch.fit().best_epoch == 3


def test_a_loss_that_is_no_number_diverged() -> None:
    with pytest.raises(fit.Diverged, match="epoch 1"):
        fit.Watch(0).see({"train_loss": math.nan}, {})


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.5])
def test_the_temperature_is_recovered(true_temperature: float) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(20_000, 5, generator=generator)
    labels = torch.multinomial(
        torch.softmax(logits / true_temperature, 1), 1, generator=generator
    ).flatten()
    fitted = calibration.fit_temperature(logits, labels)
    assert fitted == pytest.approx(true_temperature, rel=0.05)
    calibrated = torch.softmax(logits / fitted, 1)
    assert calibration.calibration_error(calibrated, labels) < 0.02


def test_calibration_error_by_hand() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
    labels = torch.tensor([0, 1, 0, 0])
    # Bins: two photos at 0.9 of which one is right, one at 0.6 that is right, one at 0.7 that is wrong.
    assert calibration.calibration_error(probabilities, labels) == pytest.approx(
        (2 * 0.4 + 0.4 + 0.7) / 4, abs=1e-6
    )
    assert math.isnan(calibration.calibration_error(probabilities[:0], labels[:0]))


@pytest.mark.parametrize(("target", "kept"), [(0.5, 4), (0.75, 4), (0.8, 2), (1.0, 2)])
def test_the_unsure_threshold_keeps_as_many_as_reach_the_target(target: float, kept: int) -> None:
    confidence = torch.tensor([0.9, 0.8, 0.7, 0.6])
    probabilities = torch.stack([confidence, 1 - confidence], 1)
    threshold = calibration.unsure_threshold(probabilities, torch.tensor([0, 0, 1, 0]), target)
    assert int((confidence >= threshold).sum()) == kept


def test_photos_of_equal_confidence_stay_or_go_together() -> None:
    confidence = torch.tensor([0.9, 0.7, 0.7, 0.6])
    probabilities = torch.stack([confidence, 1 - confidence], 1)
    # Two of the three photos down to 0.7 are right, and one of the two at 0.7 can't be kept without the other.
    threshold = calibration.unsure_threshold(probabilities, torch.tensor([0, 0, 1, 1]), 0.9)
    assert (confidence >= threshold).tolist() == [True, False, False, False]


def test_macro_f1_counts_a_class_that_is_only_predicted() -> None:
    predicted, labels = torch.tensor([0, 2]), torch.tensor([0, 0])
    assert scoring.macro_f1(predicted, labels, 4) == pytest.approx((2 / 3 + 0) / 2)


def test_a_target_nobody_reaches_makes_every_answer_unsure() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [0.8, 0.2]])
    assert calibration.unsure_threshold(probabilities, torch.tensor([1, 1]), 0.9) == 1.0
    assert calibration.unsure_threshold(probabilities[:0], torch.tensor([]), 0.9) == 0.0


def test_figures_are_counted_over_photos() -> None:
    probabilities = torch.tensor(
        [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.5, 0.4, 0.1]]
    )
    labels = torch.tensor([0, 1, 2, 1])
    figures = scoring.figures(probabilities, labels)
    assert (figures["correct"], figures["n"], figures["top1"], figures["top5"]) == (3, 4, 0.75, 1.0)
    assert figures["loss"] == pytest.approx(-np.log([0.6, 0.5, 0.7, 0.4]).mean(), abs=1e-6)
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert scoring.figures(probabilities[:0], labels[:0]) == {}


def test_every_epoch_on_validation_has_its_macro_f1_and_an_empty_split_has_nothing() -> None:
    logits, labels = (
        torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 3.0, 0.0]]),
        torch.tensor([0, 1, 2], dtype=torch.int32),
    )
    found = fit.validation_scores(logits, labels)
    assert found["validation_accuracy"] == pytest.approx(2 / 3)
    assert found["validation_macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert fit.validation_scores(logits[:0], labels[:0]) == {}


def test_macro_f1_is_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = torch.Generator().manual_seed(2)
    labels, predicted = (torch.randint(0, 6, (200,), generator=generator) for _ in range(2))
    expected = metrics.f1_score(labels, predicted, average="macro", labels=labels.unique())
    assert scoring.macro_f1(predicted, labels, 6) == pytest.approx(expected)


def test_familiarity_by_its_definition() -> None:
    generator = torch.Generator().manual_seed(3)
    features, labels = torch.randn(30, 8, generator=generator), torch.arange(30) % 3
    means = familiarity.centres(features, labels, 4)
    assert not means[3].any()
    for photo in range(30):
        others = torch.arange(30) != photo
        expected = familiarity.similarity(
            features[photo : photo + 1], familiarity.centres(features[others], labels[others], 4)
        )
        assert familiarity.left_out_similarity(features, labels, 4)[photo] == pytest.approx(
            expected.item(), abs=1e-5
        )


def test_the_familiar_threshold_lets_most_photos_pass() -> None:
    similarities = torch.linspace(0.4, 0.9, 1000)
    assert familiarity.threshold(similarities) == pytest.approx(0.405, abs=0.006)
    assert familiarity.threshold(similarities[:0]) == -1.0
    assert len(familiarity.left_out_similarity(torch.randn(2, 4), torch.tensor([0, 1]), 2)) == 0
