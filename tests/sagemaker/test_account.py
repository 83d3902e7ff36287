"""Which account's things are used: what can be saved, what is refused beside its field, and that nothing secret is kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from botocore.session import get_session

from core.aws import account as accounts
from core.aws.account import Account
from core.errors import NotFound, UserError
from core.io import files
from tests.sagemaker.test_aws_page import page

GOOD = {
    "region": "eu-central-1",
    "role_arn": "arn:aws:iam::123456789012:role/Fieldmark",
    "bucket": "photos",
}


def test_it_is_read_back_as_it_was_saved() -> None:
    account = accounts.from_form(
        {**GOOD, "subnets": "subnet-0a1b2c3d, subnet-0a1b2c3e", "security_groups": "sg-0a1b2c3d"}
    )
    accounts.save(account)
    assert accounts.load() == accounts.required() == account
    assert account.subnets == ("subnet-0a1b2c3d", "subnet-0a1b2c3e")


def test_without_one_everything_is_empty_and_a_job_is_refused() -> None:
    assert accounts.load() == Account()
    with pytest.raises(UserError, match="AWS page"):
        accounts.required()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("region", "Frankfurt"), ("role_arn", "Fieldmark"), ("role_arn", "arn:aws:iam::1:user/x"), ("bucket", "My_Bucket"),
        ("prefix", "/a/"), ("prefix", "a b"), ("subnets", "10.0.0.0/24"), ("security_groups", "default"), ("kms_key", "a key"),
        ("subnets", "subnet-0a1b2c3d"), ("training_image", "an image; rm"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_beside_its_field(field: str, value: str) -> None:
    with pytest.raises(UserError) as refusal:
        accounts.save(accounts.from_form({**GOOD, field: value}))
    assert refusal.value.field == field


def other_partitions() -> list[tuple[str, str]]:
    """Return a region of each partition but the commercial one, with the partition."""
    loader = get_session().get_component("data_loader")
    found = [
        (partition["partition"], region)
        for partition in loader.load_data("endpoints")["partitions"]
        for region in partition["regions"]
        if partition["partition"] != "aws"
    ]
    return [(region, partition) for partition, region in found]


@pytest.mark.parametrize(("region", "partition"), other_partitions())
def test_a_region_that_is_not_commercial_is_refused_in_plain_words(
    home: Path, region: str, partition: str
) -> None:
    role = GOOD["role_arn"].replace("arn:aws:", f"arn:{partition}:")
    problems = accounts.problems(Account(region, role, "photos", kms_key=f"arn:{partition}:kms:k"))
    assert problems == dict.fromkeys(("region", "role_arn", "kms_key"), accounts.COMMERCIAL)
    files.write_json(home / accounts.FILE, asdict(Account(region, role, "photos")))
    with pytest.raises(UserError, match="commercial regions only"):
        accounts.required()


def test_every_commercial_region_is_accepted() -> None:
    regions = get_session().get_available_regions("sagemaker")
    assert len(regions) > 20
    assert not [region for region in regions if accounts.problems(Account(region))]


def test_what_a_container_without_a_network_cannot_do_is_refused() -> None:
    with pytest.raises(UserError) as refusal:
        accounts.save(accounts.from_form({**GOOD, "network_isolation": True, "allow_pip": True}))
    assert refusal.value.field == "allow_pip"


def test_every_invalid_field_is_named_at_once() -> None:
    account = accounts.from_form(
        {"region": "Frankfurt", "role_arn": "me", "bucket": "My_Bucket", "subnets": "10.0.0.0/24"}
    )
    assert list(accounts.problems(account)) == ["region", "role_arn", "bucket", "subnets"]


def test_where_things_lie() -> None:
    account = Account(**GOOD, prefix="team/birds")
    assert account.uri("code/x.tar.gz") == "s3://photos/team/birds/code/x.tar.gz"
    assert account.key() == "team/birds"
    assert account.key("features/birds/v1/") == "team/birds/features/birds/v1/"
    assert account.uri("images/") == "s3://photos/team/birds/images/"


@pytest.mark.parametrize("body", ["", "{", "[]", '{"subnets": 3}', "3"])
def test_fault_35_a_damaged_file_says_so(home: Path, body: str) -> None:
    home.mkdir(exist_ok=True)
    (home / accounts.FILE).write_text(body)
    with pytest.raises(NotFound, match=r"aws\.json can't be read"):
        accounts.load()


def test_it_holds_no_secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    found, unknown = accounts.suggested(Account())
    assert found.region == "eu-west-1"
    assert [reason for reason in unknown if reason.startswith("No bucket")]
    assert "canary" not in json.dumps([asdict(found), unknown])
    accounts.save(Account(**GOOD))
    assert "canary" not in (home / accounts.FILE).read_text()


DEFAULTS = """
SchemaVersion: '1.0'
SageMaker:
  TrainingJob:
    RoleArn: arn:aws:iam::123456789012:role/Jobs
    VpcConfig:
      Subnets: [subnet-0123456789abcdef0]
      SecurityGroupIds: [sg-0123456789abcdef0]
    OutputDataConfig:
      KmsKeyId: {key}
  PythonSDK:
    Modules:
      Session:
        DefaultS3Bucket: of-the-file
"""


@pytest.fixture
def defaults_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(DEFAULTS.format(key="arn:aws:kms:eu-west-1:123456789012:key/abc"))
    monkeypatch.setenv("SAGEMAKER_USER_CONFIG_OVERRIDE", str(path))
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    return path


def test_the_sdk_s_defaults_file_fills_in_what_is_empty(defaults_file: Path) -> None:
    given = Account(bucket="my-own", prefix="birds")
    found, unknown = accounts.suggested(given)
    assert found == Account(
        region="eu-west-1",
        role_arn="arn:aws:iam::123456789012:role/Jobs",
        bucket="my-own",
        prefix="birds",
        subnets=("subnet-0123456789abcdef0",),
        security_groups=("sg-0123456789abcdef0",),
        kms_key="arn:aws:kms:eu-west-1:123456789012:key/abc",
    )
    assert unknown == ()


def test_a_value_of_the_file_that_cannot_be_used_is_said_and_left_out(defaults_file: Path) -> None:
    defaults_file.write_text(DEFAULTS.format(key="arn:aws-cn:kms:cn-north-1:123456789012:key/abc"))
    found, unknown = accounts.suggested(Account())
    assert found.kms_key == ""
    assert found.bucket == "of-the-file"
    assert accounts.COMMERCIAL in unknown


def test_a_broken_defaults_file_is_said(defaults_file: Path) -> None:
    defaults_file.write_text("SageMaker: [")
    found, unknown = accounts.suggested(Account(role_arn=GOOD["role_arn"], bucket="mine"))
    assert (found.bucket, found.role_arn) == ("mine", GOOD["role_arn"])
    assert [reason for reason in unknown if "defaults file cannot be read" in reason]


def test_the_page_fills_in_what_this_machine_knows(defaults_file: Path) -> None:
    app = page("Account")
    app.button(key="aws_suggest").click().run()
    assert not app.exception
    assert accounts.load().bucket == "of-the-file"
    assert app.text_input(key="aws_bucket").value == "of-the-file"
