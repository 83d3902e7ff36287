"""Endpoints on SageMaker, on the emulator: made once, asked, ended; what goes wrong is said and costs nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator

import pytest

from core import backends
from core.aws import account as accounts
from core.aws import quotas
from core.backends import Endpoint, EndpointState
from core.backends.sagemaker.endpoints import hosting
from core.backends.sagemaker.inventory import kept as running
from core.backends.sagemaker.inventory.look import look
from core.endpoints import capture
from core.errors import BackendError, UserError
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec, LoadSpec, Resources
from core.models import store as models
from core.models.store import Model
from tests import shapes
from tests.backends.watching import quickest
from tests.sagemaker import serving
from tests.sagemaker.asking import HELD, Emulator

SAGEMAKER = backends.SAGEMAKER


@pytest.fixture
def model(aws: Emulator, small_model: Model) -> Iterator[Model]:
    return small_model


def left(aws: Emulator, endpoint: Endpoint) -> dict[str, int]:
    """Return what of an endpoint there is in the emulator."""
    client, name = aws.client("sagemaker"), endpoint.id
    return {
        "endpoints": len(client.list_endpoints(NameContains=name)["Endpoints"]),
        "configurations": len(client.list_endpoint_configs(NameContains=name)["EndpointConfigs"]),
        "models": len(client.list_models(NameContains=name)["Models"]),
    }


def tags_of(aws: Emulator, endpoint: Endpoint) -> dict[str, str]:
    client = aws.client("sagemaker")
    arn = client.describe_endpoint(EndpointName=endpoint.id)["EndpointArn"]
    return {tag["Key"]: tag["Value"] for tag in client.list_tags(ResourceArn=arn)["Tags"]}


# Without an answer a page is drawn all the same; it does not wait as long as a request would.
DRAWN_SECONDS = 30.0
NOTHING = {"endpoints": 0, "configurations": 0, "models": 0}


def test_a_serverless_endpoint_from_deploy_to_delete(aws: Emulator, model: Model) -> None:
    endpoint = serving.deploy(model)
    assert endpoint.state is EndpointState.CREATING
    endpoint = serving.in_service(endpoint)
    assert endpoint.details.smoke_ms > 0, "it is in service only once a smoke image came back"
    assert "2026-06-30" in endpoint.details.image
    for name in shapes.CLASSES:
        answer = SAGEMAKER.invoke(endpoint, serving.png(name), "image/png")
        assert answer["predictions"][0]["label"] == name
        assert set(answer) >= {"model", "predictions", "unsure", "unfamiliar", "latency_ms"}
    assert left(aws, endpoint) == {"endpoints": 1, "configurations": 1, "models": 1}
    SAGEMAKER.delete(endpoint)
    assert serving.now(endpoint.id) is None
    serving.until(lambda: left(aws, endpoint) == NOTHING, "the removal")
    SAGEMAKER.delete(endpoint)


def test_it_answers_as_the_local_endpoint_does(model: Model) -> None:
    here = backends.LOCAL.deploy(EndpointSpec("Here", model.id, precision="exact"))
    there = serving.in_service(serving.deploy(model))
    serving.until(
        lambda: any(
            e.id == here.id and e.state is EndpointState.IN_SERVICE
            for e in backends.LOCAL.endpoints()
        ),
        "the local start",
    )
    here = next(endpoint for endpoint in backends.LOCAL.endpoints() if endpoint.id == here.id)
    assert {endpoint.id for endpoint in backends.endpoints()} == {here.id, there.id}, (
        "both stand in one list"
    )
    for name in shapes.CLASSES:
        for seed in range(4):
            photo = serving.png(name, seed)
            answers = [
                json.loads(backends.of(endpoint).connect(endpoint)(photo, "image/png"))
                for endpoint in (here, there)
            ]
            ours, theirs = (
                {entry["label"]: entry["probability"] for entry in answer["predictions"]}
                for answer in answers
            )
            assert ours.keys() == theirs.keys()
            assert max(abs(ours[label] - theirs[label]) for label in ours) < 1e-4
            assert [answer["unsure"] for answer in answers].count(True) in (0, 2)


def test_what_it_refuses_is_said_in_its_own_words_and_it_lives_on(model: Model) -> None:
    endpoint = serving.in_service(serving.deploy(model))
    for body, kind, said in (
        (b"no photo", "image/jpeg", "cannot be used"),
        (b"1,2", "text/csv", "not accepted"),
        (b"x" * (4 * 2**20 + 1), "image/png", "4 MB"),
    ):
        with pytest.raises(BackendError, match=said):
            SAGEMAKER.invoke(endpoint, body, kind)
    assert SAGEMAKER.invoke(endpoint, serving.png("circle"), "image/png")["predictions"]


def test_the_same_spec_twice_is_one_endpoint(aws: Emulator, model: Model) -> None:
    spec = EndpointSpec("Once", model.id, resources=serving.REAL_TIME)
    before = aws.done("CreateEndpoint")
    first, second = SAGEMAKER.deploy(spec), SAGEMAKER.deploy(spec)
    assert first.id == second.id == spec.id
    serving.in_service(first)
    assert aws.done("CreateEndpoint") == before + 1


def test_fault_45_lost_answers_make_no_second_ones(aws: Emulator, model: Model) -> None:
    operations = ("CreateModel", "CreateEndpointConfig", "CreateEndpoint")
    for operation in operations:
        aws.fault("lost", operation)
    before = [aws.done(operation) for operation in operations]
    serving.in_service(serving.deploy(model))
    assert [aws.done(operation) for operation in operations] == [count + 1 for count in before]


def test_fault_45_throttling_is_waited_out(aws: Emulator, model: Model) -> None:
    aws.fault("throttled", "CreateEndpoint", times=5)
    serving.in_service(serving.deploy(model))


def test_fault_39_an_endpoint_that_cannot_start_fails_with_the_reason_and_leaves_nothing(
    aws: Emulator, model: Model
) -> None:
    reason = "The primary container for production variant AllTraffic did not pass the ping health check. Please check CloudWatch logs."
    aws.ask("POST", "fail", kind="endpoint", reason=reason)
    endpoint = serving.deploy(model)
    serving.until(lambda: jobs.read(endpoint.id).state.is_finished, "its end")
    failed = serving.now(endpoint.id)
    assert failed
    assert failed.state is EndpointState.FAILED
    assert "ping health check" in failed.reason
    serving.until(lambda: left(aws, endpoint) == NOTHING, "the removal of what was made")
    SAGEMAKER.delete(failed)
    assert serving.now(endpoint.id) is None


def test_fault_50_an_endpoint_that_answers_no_photo_is_ended_and_says_so(
    aws: Emulator, model: Model
) -> None:
    """/ping of the real image lies: only the smoke image shows that the model can't answer."""
    (model.folder.model / "code" / "inference.py").write_text(
        "class RequestError(ValueError):\n    code, status = 'bad', 400\n"
        "def model_fn(folder): return None\ndef input_fn(body, kind): return body\n"
        "def predict_fn(photo, model): raise RuntimeError('upside down')\ndef output_fn(answer, accept): return str(answer)\n"
    )
    models.pack(model.folder.model, model.folder.artifact)
    endpoint = serving.deploy(model)
    serving.until(lambda: jobs.read(endpoint.id).state.is_finished, "its end")
    failed = serving.now(endpoint.id)
    assert failed
    assert "smoke test failed" in failed.reason
    serving.until(
        lambda: left(aws, endpoint) == NOTHING, "the removal: what answers nobody must not cost"
    )


def test_fault_47_a_quota_of_zero_is_explained(aws: Emulator, model: Model) -> None:
    with aws.settings(not_listed=["ml.p3.2xlarge for endpoint usage"]):
        endpoint = serving.deploy(model, Resources("ml.p3.2xlarge"))
    serving.until(lambda: jobs.read(endpoint.id).state.is_finished, "its end")
    failed = serving.now(endpoint.id)
    assert failed
    assert "quota" in failed.reason.lower()
    assert "ml.p3.2xlarge" in failed.reason
    serving.until(lambda: left(aws, endpoint) == NOTHING, "the removal")


def test_it_deletes_itself_at_its_deadline(aws: Emulator, model: Model) -> None:
    with aws.settings(endpoint_seconds=HELD):
        endpoint = serving.deploy(model, seconds=5.0)
        serving.until(lambda: left(aws, endpoint)["endpoints"] == 1, "the creation")
        tags = tags_of(aws, endpoint)
        deadline = jobs.read(endpoint.id).status.progress["deadline"]
    assert tags["fieldmark"] == "1"
    assert abs(float(tags["fieldmark:deadline"]) - deadline) < 1
    serving.until(lambda: serving.now(endpoint.id) is None, "its deadline")
    serving.until(lambda: left(aws, endpoint) == NOTHING, "the removal")
    assert jobs.read(endpoint.id).state is jobs.State.COMPLETED


def test_fault_43_a_killed_watcher_is_followed_by_another_and_nothing_is_made_twice(
    aws: Emulator, model: Model
) -> None:
    import psutil

    endpoint = serving.in_service(serving.deploy(model))
    before = aws.done("CreateEndpoint")
    pid = jobs.read(endpoint.id).status.pid
    assert pid
    psutil.Process(pid).kill()
    serving.until(
        lambda: (
            (serving.now(endpoint.id) is not None)
            and jobs.read(endpoint.id).status.pid not in (pid, None)
        ),
        "a new watcher",
    )
    assert serving.in_service(endpoint).url == endpoint.url
    assert SAGEMAKER.invoke(endpoint, serving.png("circle"), "image/png")["predictions"]
    assert aws.done("CreateEndpoint") == before
    SAGEMAKER.delete(endpoint)
    serving.until(lambda: left(aws, endpoint) == NOTHING, "the removal")


def test_deleted_while_it_is_made_it_is_gone_once_aws_lets_it(aws: Emulator, model: Model) -> None:
    with aws.settings(endpoint_seconds=HELD):
        endpoint = serving.deploy(model)
        serving.until(lambda: left(aws, endpoint)["endpoints"] == 1, "the creation")
        SAGEMAKER.delete(endpoint)
        found = serving.now(endpoint.id)
        assert found is None or found.state is EndpointState.DELETING
    serving.until(
        lambda: left(aws, endpoint) == NOTHING and serving.now(endpoint.id) is None, "the removal"
    )


def test_one_that_somebody_else_deleted_is_not_shown_as_running(
    aws: Emulator, model: Model
) -> None:
    endpoint = serving.in_service(serving.deploy(model))
    aws.client("sagemaker").delete_endpoint(EndpointName=endpoint.id)
    serving.until(lambda: serving.now(endpoint.id) is None, "its end")
    assert "not in Fieldmark" in jobs.read(endpoint.id).status.progress["gone"]
    serving.until(lambda: left(aws, endpoint) == NOTHING, "the removal of what was left")


def test_an_endpoint_of_others_can_be_asked_and_is_never_deleted(
    aws: Emulator, model: Model
) -> None:
    theirs = serving.in_service(serving.deploy(model))
    attached = SAGEMAKER.deploy(EndpointSpec("Theirs", model.id, attached=theirs.id))
    attached = serving.in_service(attached)
    assert SAGEMAKER.invoke(attached, serving.png("circle"), "image/png")["predictions"]
    SAGEMAKER.delete(attached)
    assert serving.now(attached.id) is None
    assert left(aws, theirs)["endpoints"] == 1
    assert SAGEMAKER.invoke(theirs, serving.png("circle"), "image/png")["predictions"]


def test_attaching_to_what_is_not_there_fails_in_words(aws: Emulator, model: Model) -> None:
    endpoint = SAGEMAKER.deploy(EndpointSpec("Nobody", model.id, attached="nobody-made-this"))
    serving.until(lambda: jobs.read(endpoint.id).state.is_finished, "its end")
    assert "no endpoint nobody-made-this" in jobs.read(endpoint.id).status.reason


def test_what_was_just_created_may_not_be_found_yet(aws: Emulator, model: Model) -> None:
    with aws.settings(stale_seconds=2.0, stale_job_seconds=2.0):
        endpoint = serving.in_service(serving.deploy(model))
        answer = SAGEMAKER.invoke(endpoint, serving.png("circle"), "image/png")
        assert answer["predictions"][0]["label"] == "circle"


def test_an_endpoint_that_cannot_grow_answers_and_says_so(aws: Emulator, model: Model) -> None:
    with aws.settings(denied=["application-autoscaling:RegisterScalableTarget"]):
        resources = Resources("ml.m5.large", max_instances=3)
        endpoint = serving.in_service(serving.deploy(model, resources))
    assert "number of instances stays fixed" in endpoint.details.remarks


def test_a_real_time_endpoint_grows_keeps_photos_and_is_counted_in_the_inventory(
    aws: Emulator, model: Model
) -> None:
    resources = Resources("ml.m5.large", max_instances=3)
    endpoint = serving.in_service(serving.deploy(model, resources, capture_share=1.0))
    scaling = aws.client("application-autoscaling")
    target = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert [
        (one["MinCapacity"], one["MaxCapacity"])
        for one in target
        if endpoint.id in one["ResourceId"]
    ] == [(1, 3)]
    found = look(accounts.load())
    assert not found.problems
    (mine,) = [resource for resource in found.ours if resource.name == endpoint.id]
    assert (mine.kind, mine.title, mine.machines, mine.usd_per_hour) == (
        "endpoint",
        "Served",
        "1 x ml.m5.large",
        0.115,
    )
    assert mine.model_id == model.id
    running.keep(found)
    kept = running.kept()
    assert kept
    assert kept.usd_per_hour == pytest.approx(0.115)
    photo = serving.png("circle")
    SAGEMAKER.invoke(endpoint, photo, "image/png")
    folder = jobs.read(endpoint.id).folder
    serving.until(
        lambda: hashlib.sha256(photo).hexdigest() in set(capture.read(folder)["image_id"]),
        "the kept photo's way here",
    )
    kept = capture.read(folder).set_index("image_id").loc[hashlib.sha256(photo).hexdigest()]
    assert kept["prediction"] == "circle"
    assert (capture.folder_of(folder) / kept["file"]).read_bytes() == photo
    serving.until(
        lambda: (
            (backends.of(endpoint).figures(serving.now(endpoint.id) or endpoint).requests or 0) >= 3
        ),
        "CloudWatch's count",
    )
    SAGEMAKER.delete(endpoint)
    assert not [
        t
        for t in scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        if endpoint.id in t["ResourceId"]
    ]


@pytest.mark.parametrize(
    ("resources", "more", "field"),
    [
        (None, {}, "instance_type"),
        (Resources(), {}, "instance_type"),
        (Resources("ml.m5.large", memory_mb=4096), {}, "instance_type"),
        (Resources(memory_mb=2048), {}, "memory_mb"),
        (Resources(memory_mb=3072, server="ray"), {}, "memory_mb"),
        (serving.SERVERLESS, {"capture_share": 0.5}, "capture_share"),
        (serving.REAL_TIME, {"port": 8000}, "precision"),
    ],
)
def test_what_aws_would_refuse_is_refused_at_once(
    aws: Emulator, model: Model, resources: Resources | None, more: dict[str, object], field: str
) -> None:
    before = aws.asked("CreateModel")
    with pytest.raises(UserError) as caught:
        serving.deploy(model, resources, **more)
    assert caught.value.field == field
    assert aws.asked("CreateModel") == before
    assert not jobs.readable("endpoint")


@pytest.mark.parametrize(
    ("resources", "limit"),
    [
        (Resources(memory_mb=4096), "is 3072 MBs"),
        (Resources(memory_mb=3072, concurrency=11), "is 10 Invocations"),
    ],
)
def test_a_serverless_limit_that_is_not_listed_is_said_with_what_to_do(
    aws: Emulator, model: Model, resources: Resources, limit: str
) -> None:
    with aws.settings(not_listed=list(quotas.NEW_ACCOUNTS)):
        endpoint = serving.deploy(model, resources)
        serving.until(lambda: _failed(endpoint), "the refusal")
    refused = _failed(endpoint)
    assert refused
    assert limit in refused.reason
    assert "Choose less memory or concurrency, or an instance type" in refused.reason
    assert left(aws, endpoint) == NOTHING


def _failed(endpoint: Endpoint) -> Endpoint | None:
    found = serving.now(endpoint.id)
    return found if found and found.state is EndpointState.FAILED else None


def test_states_that_are_new_are_no_crash() -> None:
    assert hosting.state_of("Levitating") is EndpointState.FAILED
    assert hosting.state_of("SystemUpdating") is EndpointState.IN_SERVICE


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="TorchServe needs Java 17")
def test_torchserve_itself_answers_and_refuses_in_our_words(aws: Emulator, model: Model) -> None:
    """The server of AWS's image, not its stand-in: the entry point's refusals have to come through it."""
    with aws.settings(
        server="torchserve", ping_seconds=300, quotas={quotas.SERVERLESS_MEMORY: 6144}
    ):
        endpoint = serving.in_service(serving.deploy(model, Resources(memory_mb=6144)))
        assert (
            SAGEMAKER.invoke(endpoint, serving.png("circle"), "image/png")["predictions"][0][
                "label"
            ]
            == "circle"
        )
        with pytest.raises(BackendError, match="cannot be used"):
            SAGEMAKER.invoke(endpoint, b"no photo", "image/jpeg")
        with pytest.raises(BackendError, match="not accepted"):
            SAGEMAKER.invoke(endpoint, b"1,2", "text/csv")
        SAGEMAKER.delete(endpoint)


def test_fault_49_with_the_network_gone_it_stays_as_it_was_seen_and_a_delete_is_not_lost(
    aws: Emulator, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = serving.in_service(serving.deploy(model))
    # The watcher keeps the way it was given; everything that is asked from here finds nobody.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    found = serving.now(endpoint.id)
    assert quickest(lambda: serving.now(endpoint.id)) < DRAWN_SECONDS
    assert found
    assert found.state is EndpointState.IN_SERVICE
    with pytest.raises(BackendError, match="network"):
        SAGEMAKER.delete(endpoint)
    serving.until(lambda: left(aws, endpoint) == NOTHING, "the removal by its watcher")
    serving.until(lambda: serving.now(endpoint.id) is None, "its end")


def test_fault_49_a_watcher_without_a_network_says_since_when_and_goes_on(
    aws: Emulator, model: Model
) -> None:
    endpoint = serving.in_service(serving.deploy(model))
    aws.fault("throttled", "DescribeEndpoint", times=40)
    serving.until(lambda: "stale" in (jobs.read(endpoint.id).status.progress), "that it is stale")
    found = serving.now(endpoint.id)
    assert found
    assert found.state is EndpointState.IN_SERVICE
    assert found.details.seen > 0
    aws.ask("DELETE", "faults")
    serving.until(lambda: "stale" not in jobs.read(endpoint.id).status.progress, "the next answer")


def test_a_load_test_reaches_it_and_its_process_has_the_way_to_aws(
    aws: Emulator, model: Model
) -> None:
    endpoint = serving.in_service(serving.deploy(model))
    job = serving.ended(
        SAGEMAKER.load_test(LoadSpec("12 from 2", endpoint.id, requests=12, clients=2))
    )
    assert job.state is jobs.State.COMPLETED, job.status.reason
    assert job.status.progress["done"] == 12
    assert job.status.progress["failed"] == 0
