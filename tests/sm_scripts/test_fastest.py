"""What "the same answers" means: a fast form is used only if every probability and every class stays."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from fieldmark_ml.engines import fastest

EXACT = [[0.9, 0.06, 0.04], [0.505, 0.495, 0.0], [0.2, 0.1, 0.7]]


class Rounded(SimpleNamespace):
    """A model whose fast form answers `fast` and whose plain form EXACT, for the photo of that number."""

    def __init__(self, fast: list[list[float]]) -> None:
        super().__init__(classes=["a", "b", "c"], backbones=["plain"], forms=["fast"])
        self.answers = {"fast": fast, "plain": EXACT}

    def inputs(self, photos: list[int]) -> list[torch.Tensor]:
        return [torch.tensor(photos)]

    def features(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return torch.tensor(self.answers[self.forms[0]])[inputs[0]]

    def head(self, features: torch.Tensor) -> torch.Tensor:
        return features

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        return logits


def compared(fast: list[list[float]], photos: Any = range(3)) -> fastest.Parity:
    model = Rounded(fast)
    known = fastest.reference(model, photos)
    assert model.forms == ["fast"], "comparing leaves the form where it was"
    return fastest.parity(model, known, 2)


@pytest.mark.parametrize(
    ("fast", "good"),
    [
        (EXACT, True),
        ([[0.885, 0.07, 0.045], EXACT[1], EXACT[2]], True),
        ([[0.87, 0.09, 0.04], EXACT[1], EXACT[2]], False),
        ([EXACT[0], [0.498, 0.502, 0.0], EXACT[2]], True),
        ([EXACT[0], [0.46, 0.54, 0.0], EXACT[2]], False),
        ([EXACT[0], EXACT[1], [0.2, 0.7, 0.1]], False),
    ],
    ids=[
        "the same",
        "by 0.015",
        "by 0.03",
        "another class by a hair",
        "another class",
        "another class for certain",
    ],
)
def test_a_form_gives_the_same_answers_or_is_not_used(fast: list[list[float]], good: bool) -> None:
    found = compared(fast)
    assert (found.photos, found.good) == (3, good)


def test_a_class_renamed_for_certain_is_not_the_same_answer_however_little_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fastest, "HAIR", 0.001)
    found = compared([EXACT[0], [0.498, 0.502, 0.0], EXACT[2]])
    assert (found.same_class, found.renamed, found.good) == (2, 1, False)


def test_it_is_found_out_on_64_photos_or_as_many_as_there_is_time_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert compared(EXACT, [0] * 200).photos == fastest.PHOTOS
    monkeypatch.setattr(fastest, "SECONDS", -1)
    assert compared(EXACT, [0] * 200).photos == fastest.LEAST_PHOTOS
