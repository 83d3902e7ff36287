"""What a real account answered, or the emulator where nobody has walked one yet, is of the shape that the emulator answers today."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sagemaker import asking, record

KEPT = json.loads(record.ANSWERS.read_text(encoding="utf-8"))
BUCKET = "recorded-answers"


@pytest.fixture(scope="module")
def answers(emulator: asking.Emulator) -> dict[str, Any]:
    emulator.client("s3").create_bucket(Bucket=BUCKET)
    quotas = {"ml.g5.xlarge for training job usage": 1}
    with emulator.settings(quotas=quotas):
        walk = record.Walk(emulator.client, asking.ROLE, BUCKET, asking.REGION, 0.2)
        return walk.run()


def test_the_walk_ends_and_removes_what_it_made(
    emulator: asking.Emulator, answers: dict[str, Any]
) -> None:
    assert answers["answer"]["Body"] == {"size": 5}
    assert not emulator.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents")
    sagemaker = emulator.client("sagemaker")
    assert not sagemaker.list_models(NameContains="fieldmark-record")["Models"]


def test_the_emulator_answers_in_the_recorded_shape(answers: dict[str, Any]) -> None:
    assert set(answers) == set(KEPT["answers"])
    wrong = {
        step: found
        for step, theirs in KEPT["answers"].items()
        if (found := record.differences(record.shape(answers[step]), record.shape(theirs)))
    }
    assert not wrong


def test_the_emulator_refuses_with_the_recorded_codes(answers: dict[str, Any]) -> None:
    def codes(kept: dict[str, Any]) -> dict[str, str]:
        return {step: row["Error"]["Code"] for step, row in kept.items() if "Error" in row}

    assert codes(answers) == codes(KEPT["answers"])
    assert len(codes(answers)) == 5


def test_what_is_kept_names_no_account() -> None:
    raw = {"Arn": "arn:aws:iam::999988887777:user/me", "Place": "s3://mine/999988887777/run-1"}
    role = "arn:aws:iam::999988887777:role/secret"
    text = json.dumps(record.scrubbed(raw, [("mine", "bucket"), ("run-1", "name")], role))
    assert not any(part in text for part in ("999988887777", "mine", "run-1", "user/me"))
    assert "s3://bucket/111111111111/name" in text


def test_a_difference_of_shape_is_found() -> None:
    theirs = record.shape({"Name": "a", "Times": [1.5], "More": True})
    assert record.differences(record.shape({"Name": "b", "Times": [2]}), theirs) == []
    assert record.differences(record.shape({"Name": 1, "Else": 2}), theirs) == [
        ".Else is not AWS's",
        ".Name is number, AWS's is str",
    ]
