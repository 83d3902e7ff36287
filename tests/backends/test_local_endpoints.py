"""Real endpoints over a real model: what they answer to bad requests, what outlives the app, and how they die."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from core import settings
from core.backends import LOCAL, Endpoint, EndpointState
from core.errors import BackendError, NotFound, UserError
from core.jobs import locks
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec, TrainingSpec
from core.models import store as models
from core.models.store import Model
from tests import shapes
from tests.backends.asking import Answer, Client
from tests.backends.watching import ended, gone, settled, until, worker_of
from tests.conftest import CANARY

APP = """
import sys, time
from core.backends import LOCAL
from core.jobs.specs import EndpointSpec
print(LOCAL.deploy(EndpointSpec("Shapes", sys.argv[1])).id, flush=True)
time.sleep(600)
"""
LIST = """
from core.backends import LOCAL
for endpoint in LOCAL.endpoints():
    print(endpoint.id, endpoint.state, endpoint.created > 0)
"""


def python(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Another app, as far as a backend can tell."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=settings.PROJECT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def png(name: str) -> bytes:
    buffer = io.BytesIO()
    shapes.photo(name, seed=99).save(buffer, "PNG")
    return buffer.getvalue()


NAME = 'V\u00f6gel "\u9ce5" <b>\U0001f426</b> 100 % -'


def test_a_model_answers_under_the_name_it_was_given(heated: Model) -> None:
    """Really trained, really asked: the name goes through the script's arguments, model.json and the server."""
    spec = TrainingSpec(
        NAME, heated.dataset_id, heated.version_id, heated.job.spec["hyperparameters"]
    )
    job = ended(LOCAL, LOCAL.train(spec))
    assert job.state is jobs.State.COMPLETED, job.status.reason
    model = models.read(job.id)
    assert (model.name, model.description["name"]) == (NAME, NAME)
    endpoint = settled(LOCAL, LOCAL.deploy(EndpointSpec(NAME, model.id, precision="exact")))
    answer = json.loads(LOCAL.connect(endpoint)(png("circle"), "application/x-image"))
    assert answer["model"] == NAME
    LOCAL.delete(endpoint)


@pytest.fixture(scope="module")
def deployed(heated_home: Path) -> Iterator[str]:
    """The id of an endpoint that an app deployed which was killed before the endpoint was up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMARK_HOME", str(heated_home))
        app = python(APP, models.listing()[-1].id, AWS_SECRET_ACCESS_KEY=CANARY)
        assert app.stdout
        endpoint_id = app.stdout.readline().strip()
        app.kill()
        app.wait()
        app.stdout.close()
        yield endpoint_id
        patch.setenv("FIELDMARK_HOME", str(heated_home))
        for endpoint in LOCAL.endpoints():
            LOCAL.delete(endpoint)


@pytest.fixture
def live(deployed: str, heated: Model) -> Endpoint:
    """The endpoint of the killed app, in service."""
    endpoint = settled(LOCAL, next(found for found in LOCAL.endpoints() if found.id == deployed))
    assert endpoint.state is EndpointState.IN_SERVICE, endpoint.reason
    return endpoint


def over_http(endpoint: Endpoint) -> Client:
    return Client(int(endpoint.url.rsplit(":", 1)[1]))


def process_of(endpoint: Endpoint) -> psutil.Process:
    return worker_of(jobs.read(endpoint.id))


def test_fault_43_an_endpoint_outlives_its_app_and_the_next_app_lists_it(live: Endpoint) -> None:
    app = python(LIST)
    assert app.communicate(timeout=300)[0].split() == [live.id, "Live", "True"]


def test_in_service_means_that_a_smoke_image_came_back(live: Endpoint) -> None:
    assert live.details.smoke_ms > 0
    assert "smoke test" in LOCAL.log(jobs.read(live.id)).text


def test_fault_53_a_secret_of_the_app_reaches_no_endpoint(live: Endpoint) -> None:
    assert CANARY not in str(process_of(live).environ())
    assert not [
        path
        for path in jobs.read(live.id).folder.path.rglob("*")
        if path.is_file() and CANARY.encode() in path.read_bytes()
    ]


def test_fault_41_it_listens_on_this_machine_only(live: Endpoint) -> None:
    listening = [
        found.laddr.ip
        for found in process_of(live).net_connections()
        if found.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (bytes(7 * 2**20), "image/png", 413, "too_large"),
        (png("circle"), "text/plain", 415, "unsupported_type"),
        (png("circle"), "", 415, "unsupported_type"),
        (b"", "image/png", 400, "bad_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", 400, "bad_image"),
        (png("circle")[:-200], "image/png", 400, "bad_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "image/png", 400, "bad_image"),
    ],
    ids=["7 MB", "text", "no type", "empty", "svg", "truncated", "eps"],
)
def test_fault_40_bad_requests_have_one_shape(
    live: Endpoint, body: bytes, content_type: str, status: int, code: str
) -> None:
    client = over_http(live)
    try:
        answer = client.post(body, content_type)
        assert (answer.status, answer.error) == (status, code)
    except (BrokenPipeError, ConnectionResetError):
        assert status == 413, "only a body that is refused unread may find the door closed"
    assert client.post(png("square")).status == 200, "it lives"


def test_fault_41_fifty_at_once_are_answered_or_told_to_come_again(live: Endpoint) -> None:
    client = over_http(live)

    def post(number: int) -> tuple[str, Answer]:
        name = sorted(shapes.CLASSES)[number % 3]
        return name, client.post(png(name))

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(post, range(50)))
    assert {answer.status for _, answer in answers} <= {200, 503}
    assert sum(answer.status == 200 for _, answer in answers) >= 10
    for name, answer in answers:
        if answer.status == 200:
            assert f'"label": "{name}"'.encode() in answer.body.split(b"}")[0], (
                "nobody gets another one's answer"
            )
        else:
            assert answer.error == "busy"
    assert client.post(png("circle")).status == 200


def test_a_server_that_is_killed_is_failed_at_once_and_past_a_proxy(
    small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside it: the way to 127.0.0.1 is never through the proxy that a company's machine names."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    endpoint = settled(LOCAL, LOCAL.deploy(EndpointSpec("Proxied", small_model.id)))
    assert endpoint.state is EndpointState.IN_SERVICE, endpoint.reason
    assert (
        LOCAL.invoke(endpoint, png("triangle"), "image/png")["predictions"][0]["label"]
        == "triangle"
    )
    job = jobs.read(endpoint.id)
    with pytest.raises(UserError, match="still running"):
        jobs.delete(endpoint.id)
    worker_of(job).kill()
    until(lambda: not locks.is_locked(job.folder.lock), "the lock is free")
    (endpoint,) = LOCAL.endpoints()
    assert endpoint.state is EndpointState.FAILED
    assert "exited unexpectedly" in endpoint.reason
    with pytest.raises(BackendError, match="does not respond"):
        LOCAL.invoke(endpoint, png("triangle"), "image/png")
    LOCAL.delete(endpoint)
    assert LOCAL.endpoints() == []
    assert not job.folder.path.exists()


def test_fault_39_on_a_taken_port_it_takes_another_and_when_the_system_ends_it_it_says_so(
    heated: Model,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        endpoint = settled(LOCAL, LOCAL.deploy(EndpointSpec("Ended", heated.id, port=port)))
    assert endpoint.state is EndpointState.IN_SERVICE, endpoint.reason
    assert over_http(endpoint).port != port
    assert endpoint.details.port_taken == port
    process_of(endpoint).terminate()
    job = ended(LOCAL, jobs.read(endpoint.id))
    assert "asked to end" in job.status.reason
    assert (
        next(found for found in LOCAL.endpoints() if found.id == endpoint.id).state
        is EndpointState.FAILED
    )
    LOCAL.delete(endpoint)


def test_deleted_while_it_is_being_created(small_model: Model) -> None:
    endpoint = LOCAL.deploy(EndpointSpec("Hasty", small_model.id))
    job = jobs.read(endpoint.id)
    LOCAL.delete(endpoint)
    assert LOCAL.endpoints() == []
    gone(job)


def test_two_sessions_delete_the_same_endpoint(small_model: Model) -> None:
    endpoint = LOCAL.deploy(EndpointSpec("Twice", small_model.id))
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(LOCAL.delete, endpoint) for _ in range(4)]:
            future.result()
    assert LOCAL.endpoints() == []


def test_fault_39_a_server_that_dies_on_start_is_failed_and_not_creating_for_ever(
    small_model: Model,
) -> None:
    weights = small_model.folder.model / models.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:1000])
    models.pack(small_model.folder.model, small_model.folder.artifact)
    endpoint = settled(LOCAL, LOCAL.deploy(EndpointSpec("Broken", small_model.id)))
    assert endpoint.state is EndpointState.FAILED
    assert models.WEIGHTS in endpoint.reason
    assert "Traceback" in LOCAL.log(jobs.read(endpoint.id)).text


Damage = Callable[[tarfile.TarFile, Path], None]


def leads_out(tar: tarfile.TarFile, folder: Path) -> None:
    tar.add(folder / models.DESCRIPTION, "../../../marker")


def holds_a_pickle(tar: tarfile.TarFile, folder: Path) -> None:
    tar.add(folder / models.DESCRIPTION, "extra.pkl")


@pytest.mark.parametrize(
    ("damage", "named"), [(leads_out, "marker"), (holds_a_pickle, "extra.pkl")]
)
def test_fault_42_an_archive_that_is_not_ours_is_refused_at_deploy(
    small_model: Model, home: Path, damage: Damage, named: str
) -> None:
    folder = small_model.folder.model
    with tarfile.open(small_model.folder.artifact, "w:gz") as tar:
        for path in (models.DESCRIPTION, models.WEIGHTS, "code"):
            tar.add(folder / path, path)
        damage(tar, folder)
    endpoint = settled(LOCAL, LOCAL.deploy(EndpointSpec("Foreign", small_model.id)))
    assert endpoint.state is EndpointState.FAILED
    assert named in endpoint.reason
    assert list(home.rglob(named)) == []
    assert list(jobs.read(endpoint.id).folder.model.iterdir()) == [], "nothing was unpacked"


def test_a_model_whose_archive_is_gone_is_not_deployed(small_model: Model) -> None:
    small_model.folder.artifact.unlink()
    with pytest.raises(NotFound, match=r"model\.tar\.gz"):
        LOCAL.deploy(EndpointSpec("None", small_model.id))
    assert LOCAL.endpoints() == []
