"""Reading stored predictions, and what is said of each photo."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.errors import NotFound, UserError
from core.evaluation.predictions import Predictions, load

CLASSES = ("Cardinal", "American Crow", "Fish Crow")


def arrays(**changes: Any) -> dict[str, Any]:
    return {
        "image_id": np.array(["0a", "1b"]),
        "path": np.array(["x/1.jpg", "y/2.jpg"]),
        "split": np.array(["validation", "test"]),
        "label": np.array([0, -1], dtype=np.int32),
        "probabilities": np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], dtype=np.float32),
        **changes,
    }


def stored(folder: Path, **changes: Any) -> Path:
    path = folder / "predictions.npz"
    np.savez(
        path, **{name: value for name, value in arrays(**changes).items() if value is not None}
    )
    return path


def test_loads_what_the_training_script_writes(tmp_path: Path) -> None:
    found = load(stored(tmp_path), CLASSES)
    assert len(found) == 2
    assert found.classes == CLASSES
    assert found.label.tolist() == [0, -1]
    assert found.label.dtype == np.intp
    assert found.probabilities.dtype == np.float32
    assert found.path.tolist() == ["x/1.jpg", "y/2.jpg"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"label": None}, "lack label"),
        ({"path": None, "split": None}, "lack path, split"),
        ({"label": np.array([0, 3])}, "outside -1 to 2"),
        ({"label": np.array([0, -2])}, "outside -1 to 2"),
        ({"label": np.array([0.0, 1.0])}, "whole numbers"),
        ({"label": np.array([[0, 1]])}, "whole numbers"),
        ({"path": np.array(["only one"])}, "path is not 2 texts"),
        ({"split": np.array([1, 2])}, "split is not 2 texts"),
        ({"image_id": np.array([b"0a", b"1b"])}, "image_id is not 2 texts"),
        ({"probabilities": np.ones((2, 2), dtype=np.float32) / 2}, "2 photos and 3 classes"),
        ({"probabilities": np.ones((2, 3), dtype=np.float32)}, "do not sum to 1"),
        (
            {"probabilities": np.array([[1.2, -0.2, 0], [1, 0, 0]], dtype=np.float32)},
            "do not sum to 1",
        ),
        (
            {"probabilities": np.array([[np.nan, 0.5, 0.5], [1, 0, 0]], dtype=np.float32)},
            "do not sum to 1",
        ),
        ({"path": np.array(["a", "b"], dtype=object)}, "can't be read"),
    ],
)
def test_says_what_is_wrong_with_a_file(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(NotFound, match=reason):
        load(stored(tmp_path, **changes), CLASSES)


def test_a_missing_file_and_files_of_other_kinds_are_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no stored predictions"):
        load(tmp_path / "nothing.npz", CLASSES)
    for content in (b"", b"text", b"PK\x03\x04 and no more", b"\x93NUMPY"):
        (tmp_path / "broken.npz").write_bytes(content)
        with pytest.raises(NotFound, match="can't be read"):
            load(tmp_path / "broken.npz", CLASSES)
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(NotFound):
        load(tmp_path / "one.npy", CLASSES)


def test_damage_anywhere_in_the_file_is_not_found_or_harmless(tmp_path: Path) -> None:
    whole = stored(tmp_path).read_bytes()
    dice = random.Random(5)
    for turn in range(400):
        damaged = bytearray(whole)
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        (tmp_path / "damaged.npz").write_bytes(
            damaged[: dice.randrange(len(damaged))] if turn % 5 == 0 else damaged
        )
        try:
            assert load(tmp_path / "damaged.npz", CLASSES).label.tolist() == [0, -1]
        except NotFound:
            continue


@pytest.mark.parametrize("classes", [("only",), (), ("same", "same", "other")])
def test_a_model_has_two_or_more_classes_with_different_names(
    tmp_path: Path, classes: tuple[str, ...]
) -> None:
    given = np.ones((2, len(classes)), dtype=np.float32) / max(len(classes), 1)
    with pytest.raises(NotFound, match="at least 2 classes"):
        load(stored(tmp_path, probabilities=given, label=np.array([0, 0])), classes)
    with pytest.raises(ValueError, match="at least 2 classes"):
        Predictions(**arrays(probabilities=given), classes=classes)


def test_what_is_said_of_each_photo(written: Callable[..., Predictions]) -> None:
    found = written([(0, [0.5, 0.3, 0.2]), (2, [0.6, 0.3, 0.1]), (-1, [0.0, 0.0, 1.0])])
    assert found.predicted.tolist() == [0, 0, 2]
    assert found.confidence == pytest.approx([0.5, 0.6, 1.0])
    assert found.known.tolist() == [True, True, False]
    assert found.correct.tolist() == [True, False, False]
    assert found.wrong.tolist() == [False, True, False]
    assert found.rank.tolist() == [1, 3, 0]
    assert found.margin == pytest.approx([0.2, 0.3, 1.0])
    assert found.entropy == pytest.approx([1.0297, 0.8979, 0.0], abs=1e-4)
    assert found.losses[:2] == pytest.approx([-math.log(0.5), -math.log(0.1)])
    assert math.isnan(found.losses[2])
    assert math.isnan(found.true_probability[2])


def test_an_impossible_answer_has_a_large_but_finite_loss(
    written: Callable[..., Predictions],
) -> None:
    assert written([(1, [1.0, 0.0])]).losses[0] == pytest.approx(-math.log(1e-12))


def test_of_equal_probabilities_the_first_class_is_predicted_and_ranks_agree(
    written: Callable[..., Predictions],
) -> None:
    found = written([(label, [0.25, 0.25, 0.25, 0.25]) for label in range(4)])
    assert found.predicted.tolist() == [0, 0, 0, 0]
    assert found.rank.tolist() == [1, 2, 3, 4]
    assert (found.rank == 1).tolist() == found.correct.tolist()
    assert found.margin.tolist() == [0, 0, 0, 0]
    assert found.entropy == pytest.approx([math.log(4)] * 4)


@pytest.mark.parametrize("n", [0, 1, 4095, 4096, 4097])
def test_ranges_hold_for_any_number_of_photos(drawn: Callable[..., Predictions], n: int) -> None:
    found = drawn(n, unknown=0.2)
    assert len(found.rank) == len(found.margin) == len(found.entropy) == len(found.table()) == n
    assert ((found.rank >= 1) == found.known).all()
    assert (found.rank <= 7).all()
    assert ((found.rank == 1) == found.correct).all()
    assert ((found.margin >= 0) & (found.margin <= found.confidence)).all()
    assert ((found.entropy >= 0) & (found.entropy <= math.log(7) + 1e-5)).all()
    full = np.sort(found.probabilities, axis=1)
    assert found.margin == pytest.approx(full[:, -1] - full[:, -2])


def test_splits_come_in_their_usual_order_and_divide_the_photos(
    drawn: Callable[..., Predictions],
) -> None:
    found = drawn(200)
    assert found.splits == ("train", "validation", "test")
    assert sum(len(found.of_split(name)) for name in found.splits) == 200
    part = found.of_split("test")
    assert set(part.split) == {"test"}
    assert part.path.tolist() == found.path[found.split == "test"].tolist()
    assert len(found.of_split("nowhere")) == 0


def test_the_table_names_everything_and_leaves_out_what_needs_a_label(
    written: Callable[..., Predictions],
) -> None:
    table = written([(1, [0.5, 0.3, 0.2]), (-1, [0.1, 0.2, 0.7]), (2, [0.1, 0.2, 0.7])]).table(
        top_k=2
    )
    assert list(table.columns) == [
        *(
            "image_id",
            "path",
            "split",
            "label",
            "predicted",
            "probability",
            "margin",
            "entropy",
            "correct",
            "loss",
            "rank",
            "in_top_2",
        )
    ]
    assert table["label"].tolist() == ["b", "", "c"]
    assert table["predicted"].tolist() == ["a", "c", "c"]
    assert table["correct"].tolist() == [False, pd.NA, True]
    assert table["rank"].tolist() == [2, pd.NA, 1]
    assert table["in_top_2"].tolist() == [True, pd.NA, True]
    assert table["loss"].isna().tolist() == [False, True, False]
    assert table[table["correct"]]["path"].tolist() == ["0002.jpg"]
    assert table[~table["correct"]]["path"].tolist() == ["0000.jpg"]


def test_all_answers_for_one_photo_come_most_probable_first(
    written: Callable[..., Predictions],
) -> None:
    answers = written([(1, [0.2, 0.5, 0.3])]).answers(0)
    assert answers["label"].tolist() == ["b", "c", "a"]
    assert answers["probability"].tolist() == pytest.approx([0.5, 0.3, 0.2])


def test_an_unknown_class_is_the_users_mistake(written: Callable[..., Predictions]) -> None:
    found = written([(1, [0.2, 0.5, 0.3])])
    assert found.index_of("c") == 2
    with pytest.raises(UserError, match="has no class 'Dodo'"):
        found.index_of("Dodo")
