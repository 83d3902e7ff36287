"""What a person asks for is checked where it enters, by one validator for both backends, and read back as it was written."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from core import settings
from core.errors import NotFound, UserError
from core.io.names import JOINERS
from core.jobs import hyperparameters, specs
from core.jobs.run_folder import ID_PATTERN
from core.jobs.specs import EndpointSpec, ImportSpec, Resources, TrainingSpec, TransformSpec
from core.jobs.status import asked
from core.jobs.store import Job, Status
from core.training import script as scripts

ALLOWED = [
    "",
    "0.001",
    "1e-3",
    "True",
    "lite0@320+lite2@300",
    "s3://bucket/key=1,2",
    "a b-c_d.e:f/g+h=i@j",
    "x" * 256,
]
REFUSED = [
    "it's",
    'say "x"',
    "a\nb",
    "a\n",
    "a;b",
    "$(id)",
    "`id`",
    "a|b",
    "a&b",
    "a\\b",
    "a\tb",
    "größer",
    "鳥",
    "x" * 257,
    "x" * 3000,
    "\0",
    "*",
    "~",
]


def training(**hyperparameters: Any) -> TrainingSpec:
    return TrainingSpec("Birds", "birds-1a2b3c", "v1", hyperparameters)


@pytest.mark.parametrize("value", ALLOWED)
def test_values_that_both_platforms_carry(value: str) -> None:
    assert training(lr=value).hyperparameters == {"lr": value}


@pytest.mark.parametrize("value", [*REFUSED, 3, 0.1, True, None, ["a"]])
def test_fault_21_values_that_one_of_them_would_break_on(value: Any) -> None:
    with pytest.raises(UserError) as refusal:
        training(batch_size="32", lr=value)
    assert refusal.value.field == "lr"
    assert "lr" in str(refusal.value)
    assert len(str(refusal.value)) < 300, "the value itself is cut"


@pytest.mark.parametrize(
    "name", ["", "Lr", "1st", "learning-rate", "a b", "a.b", "lr;", "_x", "größe", "x\n"]
)
def test_fault_21_names_that_one_of_them_would_break_on(name: str) -> None:
    with pytest.raises(UserError):
        training(**{name: "1"})


@pytest.mark.parametrize("value", REFUSED)
def test_fault_21_the_script_refuses_the_same_values(value: str) -> None:
    """The table that the script and the form share has the same shape, so neither lets through what the other would not."""
    with pytest.raises(UserError):
        scripts.check({"dataset_id": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", "0"), ("lr", "-1"), ("lr", "nan"), ("lr", "inf"), ("lr", "1e9"), ("lr", ""), ("lr", "fast"),
        ("batch_size", "0"), ("batch_size", "1.5"), ("batch_size", "1e9"),
        ("epochs", "0"), ("epochs", "1000000000"), ("epochs", "-3"),
        ("arch", "no_such_model"), ("arch", "lite0@7"), ("arch", "lite0+lite0"),
        ("mode", "fine-tune"), ("preset", "FAST"), ("head", ""), ("refit", "maybe"), ("seed", "-1"), ("image_size", "99999"),
        ("no_such_parameter", "1"),
    ],
)  # fmt: skip
def test_fault_20_a_hyperparameter_out_of_its_range_names_its_field(name: str, value: str) -> None:
    with pytest.raises(UserError) as refusal:
        scripts.check({name: value})
    assert refusal.value.field == name
    assert scripts.problem(name, value) == str(refusal.value)
    assert name in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("refit", ["true", "True", "TRUE", "1"]),
        ("refit", ["false", "False", "0"]),
        ("epochs", ["10", "10.0", "1e1", " 10 "]),
        ("lr", ["0.001", "1e-3", "1E-3", ".001"]),
        ("seed", ["7", "7.0"]),
    ],
)
def test_fault_22_both_containers_ways_to_write_a_value_mean_the_same(
    name: str, texts: list[str]
) -> None:
    """SageMaker's toolkit turns 10 into 10.0 and true into True; its newer driver does neither."""
    values = [scripts.check({name: text})[name] for text in texts]
    assert all(value == values[0] and type(value) is type(values[0]) for value in values)


GOOD_NAMES = [
    "a b",
    "a'b",
    'a"b',
    "$(id)",
    "<script>",
    ":red[x]",
    "größer",
    "鳥類",
    "🐦",
    f"👩{min(JOINERS)}",
    "x" * 80,
]
BAD_NAMES = ["", "   ", "a\nb", "a\tb", "\0", "..", ".", "x" * 81, "x" * 300, "\u202egnp.exe"]


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_fault_09_a_name_is_free_text_and_never_a_path(name: str) -> None:
    for spec in (
        TrainingSpec(name, "d", "v1", {}),
        ImportSpec(name, "sample"),
        EndpointSpec(name, "m"),
    ):
        assert spec.name == name
        assert ID_PATTERN.fullmatch(spec.id), "the id is ours and holds nothing of the name"


@pytest.mark.parametrize("name", BAD_NAMES)
def test_fault_09_a_name_that_nobody_could_read_is_refused(name: str) -> None:
    for make in (
        lambda: TrainingSpec(name, "d", "v1", {}),
        lambda: ImportSpec(name, "sample"),
        lambda: EndpointSpec(name, "m"),
    ):
        with pytest.raises(UserError) as refusal:
            make()
        assert refusal.value.field == "name"


def test_two_specs_are_two_jobs_and_a_copy_is_one() -> None:
    assert training().id != training().id
    spec = training()
    assert replace(spec, name="Other").id == spec.id


def job_of(spec: dict[str, Any]) -> Job:
    return Job(
        "fm-training-20260101t000000-abcdef", "training", "Birds", "local", 0.0, spec, Status()
    )


def test_a_spec_is_read_back_as_it_was_written() -> None:
    spec = training(lr="0.01")
    assert asked.training_spec(job_of(specs.as_dict(spec))) == spec


def test_resources_are_read_back_with_their_spec() -> None:
    resources = Resources("ml.g5.xlarge", instance_count=2, spot=True, max_seconds=7200)
    spec = replace(training(lr="0.01"), resources=resources)
    body = specs.as_dict(spec)
    assert asked.training_spec(job_of(body)) == spec
    newer = {**body, "resources": {**body["resources"], "colour": "blue"}}
    assert asked.training_spec(job_of(newer)).resources == resources


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("instance_type", "m5.large"), ("instance_type", "ml.m5.large; ls"), ("instance_count", 0), ("instance_count", 101),
        ("max_seconds", 0), ("max_seconds", 10**9), ("wait_seconds", -1), ("volume_gb", 0), ("memory_mb", 1000), ("concurrency", 0),
    ],
)  # fmt: skip
def test_resources_that_no_platform_gives_are_refused(name: str, value: Any) -> None:
    with pytest.raises(UserError) as refusal:
        Resources(**{name: value})
    assert refusal.value.field == name


def test_fault_35_fields_of_a_newer_version_are_left_out() -> None:
    spec = training(lr="0.01")
    assert asked.training_spec(job_of({**specs.as_dict(spec), "colour": "blue"})) == spec


@pytest.mark.parametrize(
    "spec",
    [{}, {"name": "x"}, {"name": "x", "dataset_id": "d", "version_id": "v1", "hyperparameters": 3}, {"name": 3},
     {"name": "x", "dataset_id": "d", "version_id": "v1", "hyperparameters": {"lr": "it's"}}],
)  # fmt: skip
def test_fault_35_a_spec_of_an_older_version_is_not_found_rather_than_a_crash(
    spec: dict[str, Any],
) -> None:
    with pytest.raises(NotFound, match="can't be read"):
        asked.training_spec(job_of(spec))


@pytest.mark.parametrize(
    ("name", "carried"),
    [
        ("Birds, fast", "Birds, fast"),
        ("V\u00f6gel", "V=C3=B6gel"),
        ("-x", "=2Dx"),
        ("it's", "it=27s"),
        ("a=C3", "a=3DC3"),
        ('"100 %" <b>*x*</b> $HOME `ls` \\', None),
        ("\U0001f426" * settings.MAX_NAME_LENGTH, None),
        ("\u9ce5\u985e, \u0637\u064a\u0648\u0631", None),
    ],
)
def test_a_name_is_carried_to_the_script_in_safe_characters_and_read_back(
    name: str, carried: str | None
) -> None:
    there = hyperparameters.carried_name(name)
    assert carried in (None, there)
    assert re.fullmatch(r"[A-Za-z0-9_.,:/+=@][A-Za-z0-9_.,:/+=@ -]*", there)
    assert len(there) <= 960
    assert scripts.check({"name": there})["name"] == name


@pytest.mark.parametrize(
    "path", ["s3://bucket", "bucket/photos", "https://bucket/photos", "s3:///photos"]
)
def test_a_place_in_s3_is_written_as_one(path: str) -> None:
    with pytest.raises(UserError) as caught:
        TransformSpec("S3", "fm-training-20260101t000000-abcdef", "s3", path=path)
    assert caught.value.field == "path"
    assert TransformSpec(
        "S3", "fm-training-20260101t000000-abcdef", "s3", path="s3://my-photos/june/"
    ).path


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"server": "triton"}, "server"),
        ({"max_instances": 101}, "max_instances"),
        ({"instance_count": 4, "max_instances": 2}, "max_instances"),
    ],
)
def test_resources_of_an_endpoint_are_checked(values: dict[str, Any], field: str) -> None:
    with pytest.raises(UserError) as caught:
        Resources("ml.m5.large", **values)
    assert caught.value.field == field


def test_only_an_endpoints_name_can_be_attached_to() -> None:
    with pytest.raises(UserError) as caught:
        EndpointSpec("Theirs", "", attached="no such name!")
    assert caught.value.field == "attached"
