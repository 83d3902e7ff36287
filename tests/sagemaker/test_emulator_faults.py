"""Faults on demand in the emulator, counts, names, pages, tags, quotas and prices: nothing here starts a container."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.sagemaker import asking, making


@pytest.fixture(scope="module")
def bucket(emulator: asking.Emulator) -> str:
    """Holds an object that may be a model's artifact as long as nobody serves it."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="faulty")
    s3.put_object(Bucket="faulty", Key="model.tar.gz", Body=b"")
    return "faulty"


def model(name: str, bucket: str, **more: Any) -> dict[str, Any]:
    container = {"Image": making.SERVING_IMAGE, "ModelDataUrl": f"s3://{bucket}/model.tar.gz"}
    return {
        "ModelName": name,
        "ExecutionRoleArn": asking.ROLE,
        "PrimaryContainer": container,
        **more,
    }


def once(aws: asking.Emulator) -> Any:
    """Return a client that never tries again by itself."""
    return aws.client("sagemaker", retries={"total_max_attempts": 1})


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("throttled", "ThrottlingException"),
        ("denied", "AccessDeniedException"),
        ("expired", "ExpiredTokenException"),
        ("broken", "InternalFailure"),
        ("capacity", "ResourceLimitExceeded"),
    ],
)
def test_a_refusal_happens_as_often_as_asked(aws: asking.Emulator, kind: str, code: str) -> None:
    aws.fault(kind, "ListModels", times=2)
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            once(aws).list_models()
        assert caught.value.response["Error"]["Code"] == code
    once(aws).list_models()


def test_access_denied_names_the_action(aws: asking.Emulator) -> None:
    aws.fault("denied", "Create*")
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:CreateModel"):
        once(aws).create_model(**model("denied", "faulty"))
    aws.fault("denied", "PutObject", service="s3")
    with pytest.raises(ClientError) as caught:
        aws.client("s3").put_object(Bucket="faulty", Key="x", Body=b"")
    assert (
        caught.value.response["Error"]["Code"],
        caught.value.response["ResponseMetadata"]["HTTPStatusCode"],
    ) == ("AccessDenied", 403)


def test_a_denied_action_is_refused_and_the_simulator_says_so_before(
    aws: asking.Emulator, bucket: str
) -> None:
    iam = aws.client("iam")
    question = {
        "PolicySourceArn": asking.ROLE,
        "ActionNames": ["sagemaker:CreateModel", "iam:PassRole"],
        "ResourceArns": [asking.ROLE],
    }
    with aws.settings(denied=["sagemaker:Create*"]):
        answers = iam.simulate_principal_policy(**question)["EvaluationResults"]
        assert {row["EvalActionName"]: row["EvalDecision"] for row in answers} == {
            "sagemaker:CreateModel": "implicitDeny",
            "iam:PassRole": "allowed",
        }
        with pytest.raises(ClientError, match="sagemaker:CreateModel"):
            once(aws).create_model(**model("allowed-later", bucket))
        once(aws).list_models()
    with aws.settings(denied=["s3:PutObject"]):
        with pytest.raises(ClientError, match="s3:PutObject"):
            aws.client("s3").put_object(Bucket=bucket, Key="denied", Body=b"")
        assert aws.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"]
    once(aws).create_model(**model("allowed-later", bucket))
    assert {
        row["EvalDecision"]
        for row in iam.simulate_principal_policy(**question)["EvaluationResults"]
    } == {"allowed"}


def test_throttling_is_survived_by_a_client_that_tries_again(
    aws: asking.Emulator, bucket: str
) -> None:
    before = aws.done("CreateModel")
    aws.fault("throttled", "CreateModel", times=2)
    aws.client("sagemaker", retries={"mode": "standard", "total_max_attempts": 4}).create_model(
        **model("throttled", bucket)
    )
    assert aws.done("CreateModel") == before + 1


def test_a_lost_answer_has_done_its_work(aws: asking.Emulator, bucket: str) -> None:
    before = aws.done("CreateModel")
    aws.fault("lost", "CreateModel")
    with pytest.raises(ConnectionClosedError):
        once(aws).create_model(**model("lost", bucket))
    assert aws.done("CreateModel") == before + 1
    with pytest.raises(ClientError, match="Cannot create already existing model") as caught:
        once(aws).create_model(**model("lost", bucket))
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_cut_request_has_not(aws: asking.Emulator, bucket: str) -> None:
    before = aws.done("CreateModel")
    aws.fault("cut", "CreateModel")
    with pytest.raises(ConnectionClosedError):
        once(aws).create_model(**model("cut", bucket))
    assert aws.done("CreateModel") == before
    once(aws).create_model(**model("cut", bucket))


def test_answers_of_the_other_services_get_lost_too(aws: asking.Emulator, bucket: str) -> None:
    aws.fault("lost", "PutObject", service="s3")
    with pytest.raises(ConnectionClosedError):
        aws.client("s3", retries={"total_max_attempts": 1}).put_object(
            Bucket=bucket, Key="lost", Body=b"is there"
        )
    assert aws.client("s3").get_object(Bucket=bucket, Key="lost")["Body"].read() == b"is there"


def test_lists_are_filtered_sorted_and_paged(aws: asking.Emulator, bucket: str) -> None:
    sagemaker = aws.client("sagemaker")
    for name in ("page-b", "page-a", "page-c", "other"):
        sagemaker.create_model(**model(name, bucket))
    first = sagemaker.list_models(
        NameContains="page", SortBy="Name", SortOrder="Ascending", MaxResults=2
    )
    second = sagemaker.list_models(
        NameContains="page",
        SortBy="Name",
        SortOrder="Ascending",
        MaxResults=2,
        NextToken=first["NextToken"],
    )
    assert [row["ModelName"] for row in [*first["Models"], *second["Models"]]] == [
        "page-a",
        "page-b",
        "page-c",
    ]
    assert "NextToken" not in second
    newest = sagemaker.list_models(NameContains="page")["Models"]
    assert [row["ModelName"] for row in newest] == ["page-c", "page-a", "page-b"]
    assert (
        sagemaker.list_models(NameContains="page", CreationTimeAfter=newest[1]["CreationTime"])[
            "Models"
        ]
        == newest[:1]
    )


def test_tags_follow_their_resource(aws: asking.Emulator, bucket: str) -> None:
    sagemaker = aws.client("sagemaker")
    arn = sagemaker.create_model(
        **model("tagged", bucket), Tags=[{"Key": "fieldmark", "Value": "1"}]
    )["ModelArn"]
    sagemaker.add_tags(
        ResourceArn=arn, Tags=[{"Key": "fieldmark", "Value": "2"}, {"Key": "extra", "Value": "x"}]
    )
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "fieldmark", "Value": "2"},
        {"Key": "extra", "Value": "x"},
    ]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["extra"])
    assert [tag["Key"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]] == ["fieldmark"]
    sagemaker.delete_model(ModelName="tagged")
    with pytest.raises(ClientError, match="Could not find"):
        sagemaker.list_tags(ResourceArn=arn)


def test_a_model_needs_an_artifact_that_exists(aws: asking.Emulator, bucket: str) -> None:
    container = {"Image": making.SERVING_IMAGE, "ModelDataUrl": f"s3://{bucket}/none.tar.gz"}
    with pytest.raises(
        ClientError, match=f"Could not find model data at s3://{bucket}/none.tar.gz"
    ):
        aws.client("sagemaker").create_model(
            ModelName="none", ExecutionRoleArn=asking.ROLE, PrimaryContainer=container
        )


def test_quotas_and_prices_can_be_asked_for(aws: asking.Emulator) -> None:
    quotas = aws.client("service-quotas")
    pages = quotas.get_paginator("list_service_quotas").paginate(
        ServiceCode="sagemaker", PaginationConfig={"PageSize": 5}
    )
    found = {row["QuotaName"]: row for page in pages for row in page["Quotas"]}
    assert found["ml.g5.xlarge for training job usage"]["Value"] == 0
    row = found["ml.m5.large for endpoint usage"]
    assert (
        quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode=row["QuotaCode"])["Quota"]
        == row
    )
    rules = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in (("instanceName", "ml.m5.large"), ("component", "Training"))
    ]
    (product,) = (
        json.loads(text)
        for text in aws.client("pricing").get_products(
            ServiceCode="AmazonSageMaker", Filters=rules
        )["PriceList"]
    )
    (term,) = product["terms"]["OnDemand"].values()
    (price,) = term["priceDimensions"].values()
    assert float(price["pricePerUnit"]["USD"]) == 0.115


def test_the_account_has_a_role_that_sagemaker_may_take(aws: asking.Emulator) -> None:
    role = aws.client("iam").get_role(RoleName=asking.ROLE.rsplit("/", 1)[1])["Role"]
    assert role["Arn"] == asking.ROLE
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {
        "Service": "sagemaker.amazonaws.com"
    }
    assert aws.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_notebooks_are_listed(aws: asking.Emulator) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_notebook_instance(
        NotebookInstanceName="left-on", InstanceType="ml.t3.medium", RoleArn=asking.ROLE
    )
    assert [
        row["NotebookInstanceName"]
        for row in sagemaker.list_notebook_instances()["NotebookInstances"]
    ] == ["left-on"]
    sagemaker.stop_notebook_instance(NotebookInstanceName="left-on")
    sagemaker.delete_notebook_instance(NotebookInstanceName="left-on")


def test_what_the_emulator_does_not_do_it_says(aws: asking.Emulator) -> None:
    with pytest.raises(ClientError, match="does not know ListClusters"):
        aws.client("sagemaker").list_clusters()
