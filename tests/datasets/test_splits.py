"""Splits: seeded, stratified, the same everywhere; an impossible split names the class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.datasets import manifest, splits
from core.errors import UserError
from tests.datasets import made

RATIOS = {"train": 0.7, "validation": 0.15, "test": 0.15}


def split_of(frame: pd.DataFrame) -> dict[str, str]:
    return dict(zip(frame["path"], frame["split"], strict=True))


@pytest.mark.parametrize("size", [3, 4, 5, 7, 20, 60, 101])
def test_every_class_is_split_in_the_ratios(size: int) -> None:
    counts = manifest.counts(splits.stratified(made.frame({"Crow": size, "Owl": 40}), RATIOS, 7))[
        "Crow"
    ]
    assert sum(counts.values()) == size
    assert min(counts["train"], counts["validation"], counts["test"]) >= 1
    assert abs(counts["train"] - 0.7 * size) <= 1.5
    assert counts["unused"] == 0


def test_a_split_depends_on_the_images_and_the_seed_only() -> None:
    frame = made.frame({"Crow": 200, "Owl": 200})
    first = splits.stratified(frame, RATIOS, 7)
    assert split_of(splits.stratified(frame.sample(frac=1, random_state=3), RATIOS, 7)) == split_of(
        first
    )
    other = splits.stratified(frame, RATIOS, 8)
    assert split_of(other) != split_of(first)


def test_ranks_are_the_same_on_every_machine() -> None:
    """The first number is SplitMix64's published one for the seed 1234567; the others would show a photo that moved."""
    assert splits._mix(np.array([1234567], dtype=np.uint64)).tolist() == [6457827717110365317]
    assert splits.ranks(["0" * 64, "f" * 64], 7).tolist() == [
        13309476754707697221,
        12225420764836534112,
    ]


def test_test_images_do_not_move_with_the_validation_share_and_few_move_with_new_images() -> None:
    frame = made.frame({"Crow": 200, "Owl": 200})
    first = splits.stratified(frame, RATIOS, 7)
    second = splits.stratified(frame, {"train": 0.8, "validation": 0.05, "test": 0.15}, 7)
    assert ((first["split"] == "test") == (second["split"] == "test")).all()
    fewer = splits.stratified(frame.iloc[:-4], RATIOS, 7)
    assert (fewer["split"] != first["split"].iloc[:-4]).sum() <= 4


def test_equal_bytes_always_share_a_split() -> None:
    frame = made.frame({"Crow": 60, "Jay": 60, "Owl": 60})
    frame.loc[100:119, "image_id"] = frame.loc[0:19, "image_id"].to_numpy()
    frame.loc[40:49, "image_id"] = frame.loc[50:59, "image_id"].to_numpy()
    parts = splits.stratified(frame, RATIOS, 7).groupby("image_id")["split"].nunique()
    assert (parts == 1).all()


def test_images_with_a_problem_stay_unused() -> None:
    frame = made.frame({"Crow": 30, "Owl": 30})
    frame.loc[:9, "problem"] = "cut short"
    result = splits.stratified(frame, RATIOS, 7)
    assert (result["split"][:10] == "unused").all()
    assert (result["split"][10:] != "unused").all()


@pytest.mark.parametrize(
    "ratios",
    [{"train": 1.0}, {"train": 0.8, "test": 0.2}, {"train": 0.5, "validation": 0.5, "test": 0}],
)
def test_parts_without_a_share_stay_empty(ratios: dict[str, float]) -> None:
    result = splits.stratified(made.frame({"Crow": 20, "Owl": 20}), ratios, 7)
    assert set(result["split"]) == {part for part, share in ratios.items() if share}


@pytest.mark.parametrize(
    "ratios",
    [
        {"train": 0.7, "validation": 0.2, "test": 0.2},
        {"train": 0.7},
        {"train": 0, "test": 1},
        {"train": float("nan"), "test": 0.5},
        {"train": 1.5, "test": -0.5},
        {"train": 0.5, "dev": 0.5},
    ],
)
def test_ratios_that_can_not_be_used_are_refused(ratios: dict[str, float]) -> None:
    with pytest.raises(UserError) as caught:
        splits.stratified(made.frame({"Crow": 20, "Owl": 20}), ratios, 7)
    assert caught.value.field == "ratios"


def test_fault_19_a_class_too_small_is_refused_by_name_or_left_out() -> None:
    frame = made.frame({"Crow": 30, "Jay": 2, "Owl": 30})
    with pytest.raises(UserError, match=r'"Jay" \(2\).*at least 3') as caught:
        splits.stratified(frame, RATIOS, 7)
    assert caught.value.field == "classes"
    result = splits.stratified(frame, RATIOS, 7, skip_small=True)
    assert manifest.classes(result) == ["Crow", "Owl"]
    assert set(result.loc[result["label"] == "Jay", "split"]) == {"unused"}


def test_fault_19_a_class_whose_images_all_belong_to_another_one_too() -> None:
    frame = made.frame({"Crow": 30, "Jay": 5, "Owl": 30})
    frame["image_id"] = frame["image_id"].where(frame["label"] != "Jay", frame["image_id"][0])
    with pytest.raises(UserError, match='"Jay"'):
        splits.stratified(frame, RATIOS, 7)


@pytest.mark.parametrize("labels", [{"Crow": 30}, {"Crow": 30, "Owl": 1}])
def test_fault_18_fewer_than_two_classes(labels: dict[str, int]) -> None:
    with pytest.raises(UserError, match="at least 2 classes"):
        splits.stratified(made.frame(labels), RATIOS, 7, skip_small=True)


def test_fault_18_no_images() -> None:
    frame = made.frame({"Crow": 5, "Owl": 5}, problem="cut short")
    with pytest.raises(UserError, match="no usable photos"):
        splits.stratified(frame, RATIOS, 7)
    with pytest.raises(UserError, match="no usable photos"):
        splits.stratified(frame.iloc[:0], RATIOS, 7)


def with_official(parts: dict[str, int]) -> pd.DataFrame:
    """Two classes, each with so many images in every official part."""
    one = [part for part, size in parts.items() for _ in range(size)]
    return made.frame({"Crow": len(one), "Owl": len(one)}, official=one + one)


def test_the_official_test_split_is_kept_and_validation_is_taken_from_train() -> None:
    frame = with_official({"train": 40, "test": 30})
    result = splits.official(frame, 0.15, 7)
    assert ((result["split"] == "test") == (frame["official"] == "test")).all()
    assert manifest.counts(result)["Owl"] == {"train": 34, "validation": 6, "test": 30, "unused": 0}


def test_an_official_validation_split_is_kept_and_a_missing_test_split_is_taken_from_train() -> (
    None
):
    given = with_official({"train": 40, "validation": 10, "test": 10})
    assert (splits.official(given, 0.15, 7)["split"] == given["official"]).all()
    result = splits.official(with_official({"train": 40, "validation": 10}), 0.15, 7)
    assert manifest.counts(result)["Crow"] == {
        "train": 34,
        "validation": 10,
        "test": 6,
        "unused": 0,
    }


def test_images_that_the_official_split_does_not_place_stay_unused() -> None:
    result = splits.official(with_official({"train": 10, "test": 5, "": 4}), 0.2, 7)
    assert manifest.counts(result)["Crow"] == {"train": 8, "validation": 2, "test": 5, "unused": 4}


def test_without_an_official_split_the_choice_is_refused() -> None:
    with pytest.raises(UserError, match="official"):
        splits.official(made.frame({"Crow": 20, "Owl": 20}), 0.15, 7)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_fault_19_a_class_that_an_official_part_lacks_is_learned_all_the_same(part: str) -> None:
    frame = with_official({"train": 40, "validation": 10, "test": 30})
    frame.loc[(frame["label"] == "Owl") & (frame["official"] == part), "problem"] = "cut short"
    result = splits.official(frame, 0.15, 7)
    assert (
        result["split"][(frame["label"] == "Owl") & (frame["official"] == "train")] == "train"
    ).all()
    assert not ((result["split"] == part) & (frame["label"] == "Owl")).any()


def test_fault_19_a_class_without_a_train_photo_of_the_official_split_is_refused() -> None:
    frame = with_official({"train": 40, "test": 30})
    frame.loc[(frame["label"] == "Owl") & (frame["official"] == "train"), "problem"] = "cut short"
    with pytest.raises(UserError, match='"Owl"'):
        splits.official(frame, 0.15, 7)


def test_choosing_classes_drops_the_others() -> None:
    frame = made.frame({"Crow": 5, "Jay": 5, "Owl": 5})
    assert set(splits.select_classes(frame, ["Owl", "Crow"])["label"]) == {"Crow", "Owl"}
    for labels, reason in (
        (["Owl", "Dodo"], "Dodo"),
        (["Owl", "Owl"], "at least 2 classes"),
        ([], "at least 2 classes"),
    ):
        with pytest.raises(UserError, match=reason):
            splits.select_classes(frame, labels)


@pytest.mark.parametrize(
    "how",
    [
        {"kind": "stratified", "ratios": RATIOS, "seed": 3},
        {"kind": "official", "validation_share": 0.2, "seed": 3},
    ],
)
def test_apply_makes_the_described_split(how: dict[str, Any]) -> None:
    frame = with_official({"train": 40, "test": 30})
    direct = (
        splits.stratified(frame, RATIOS, 3)
        if how["kind"] == "stratified"
        else splits.official(frame, 0.2, 3)
    )
    assert split_of(splits.apply(frame, how)) == split_of(direct)
    with pytest.raises(UserError, match="kind"):
        splits.apply(frame, how | {"kind": "by moon"})
