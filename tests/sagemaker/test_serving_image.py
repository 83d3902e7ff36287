"""The archives that the serving images are given, run as far as they run without those images."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest

from core import settings
from core.backends.sagemaker.endpoints import serving_image
from core.models import store as models
from core.models.store import Model
from tests import shapes
from tests.patience import PATIENCE
from tests.sagemaker import containers

OWN_IMAGE = settings.PROJECT / "docs" / "serving_image"
# Serves the folder by Ray Serve, on a port of its own, and asks it.
RAY = """
import json, socket, sys, urllib.error, urllib.request
sys.path.insert(0, sys.argv[1])
import ray
from ray import serve

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
ray.init(num_cpus=2, include_dashboard=False, object_store_memory=80 * 2**20, log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": port})
import ray_deployment
serve.run(ray_deployment.app, route_prefix="/")

def asked(body, kind):
    headers = {"content-type": kind}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)

photos = [open(path, "rb").read() for path in sys.argv[2:]]
answers = [asked(photo, "image/png") for photo in photos]
answers += [asked(b"no photo", "image/png"), asked(b"1,2", "text/csv")]
serve.shutdown()
ray.shutdown()
print(json.dumps(answers))
"""
# The same archive, asked without a server.
PLAIN = """
import json, sys
sys.path.insert(0, sys.argv[1] + "/code")
import inference
model = inference.model_fn(sys.argv[1])

def asked(path):
    photo = inference.input_fn(open(path, "rb").read(), "image/png")
    return json.loads(inference.output_fn(inference.predict_fn(photo, model), "application/json"))

print(json.dumps([asked(path) for path in sys.argv[2:]]))
"""


@pytest.fixture(scope="module")
def ray() -> str:
    """The interpreter of an environment with Ray Serve."""
    try:
        return str(containers.ray() / "bin" / "python")
    except containers.Missing as missing:
        pytest.skip(str(missing))


def unpacked(model: Model, server: str, folder: Path) -> Path:
    archive = serving_image.pack(model, server, folder)
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "opt", filter="data")
    return folder / "opt"


@pytest.mark.parametrize(("batch", "statuses"), [(False, [400, 415]), (True, [200, 200])])
def test_ray_serve_answers_photo_by_photo_like_the_archive_itself(
    ray: str, small_model: Model, tmp_path: Path, batch: bool, statuses: list[int]
) -> None:
    folder = unpacked(small_model, "ray", tmp_path)
    assert "import_path: ray_deployment:app" in (folder / "config.yaml").read_text()
    photos = []
    for number, name in enumerate([*shapes.CLASSES] * 2):
        photos.append(tmp_path / f"{number}.png")
        shapes.photo(name, 7 + number).save(photos[-1])
    variables = {
        **serving_image.environment("ray", "us-east-1", batch=batch),
        # Paths of Ray's sockets have to be short.
        "RAY_TMPDIR": tempfile.mkdtemp(prefix="ray"),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",
        # Ray's own processes import the application, too.
        "PYTHONPATH": str(folder),
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    program = [str(folder), *map(str, photos)]
    try:
        answers = answered([ray, "-c", RAY, *program], variables)
    finally:
        shutil.rmtree(variables["RAY_TMPDIR"], ignore_errors=True)
    expected = answered([ray, "-c", PLAIN, *program], variables)
    assert [status for status, _ in answers] == [200] * len(photos) + statuses
    for (_, answer), plain in zip(answers, expected, strict=False):
        assert named(answer) == named(plain)
    assert [answer["error"]["code"] for _, answer in answers[len(photos) :]] == [
        "bad_image",
        "unsupported_type",
    ]


def named(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what an answer says, without how long it took."""
    return {name: value for name, value in answer.items() if name != "latency_ms"}


def answered(command: list[str], variables: dict[str, str]) -> Any:
    """Return what a program prints last, as JSON."""
    run = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=PATIENCE)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def check_answers(program: list[str], variables: dict[str, str], statuses: list[int]) -> None:
    """Run a program that prints what a server answers to a circle, to bytes that are not a photo
    and to a type that is not supported."""
    answers = answered([sys.executable, "-c", *program], variables)
    assert [status for status, _ in answers] == statuses
    assert answers[0][1]["predictions"][0]["label"] == "circle"
    assert [answer["error"]["code"] for _, answer in answers[1:]] == [
        "bad_image",
        "unsupported_type",
    ]


OWN = """
import json, sys
sys.path.insert(0, sys.argv[1])
import serve
from werkzeug.test import Client

def asked(body, kind):
    answer = client.post("/invocations", data=body, content_type=kind)
    return answer.status_code, answer.json

client = Client(serve.app)
assert client.get("/ping").status_code == 200
assert client.get("/other").status_code == 404
photo = open(sys.argv[2], "rb").read()
print(json.dumps([asked(photo, "image/png"), asked(b"no photo", "image/png"), asked(b"1,2", "text/csv")]))
"""


@pytest.mark.parametrize(("batch", "statuses"), [(False, [200, 400, 415]), (True, [200, 200, 200])])
def test_the_server_of_an_own_image_answers_and_refuses(
    small_model: Model, tmp_path: Path, batch: bool, statuses: list[int]
) -> None:
    folder = unpacked(small_model, "pytorch", tmp_path)
    photo = tmp_path / "photo.png"
    shapes.photo("circle", 7).save(photo)
    variables = dict(serving_image.environment("pytorch", "us-east-1", batch=batch))
    served = {**variables, "SM_MODEL_DIR": str(folder)}
    check_answers([OWN, str(OWN_IMAGE), str(photo)], served, statuses)


def test_an_own_image_runs_that_server_where_sagemaker_asks() -> None:
    text = (OWN_IMAGE / "Dockerfile").read_text()
    assert "COPY serve.py /opt/serving/serve.py" in text
    assert "--bind 0.0.0.0:8080" in text
    assert "serve:app" in text


@pytest.mark.parametrize("server", serving_image.SERVERS)
def test_the_archive_is_the_models_own_and_the_same_each_time(
    small_model: Model, tmp_path: Path, server: str
) -> None:
    first, second = (
        serving_image.pack(small_model, server, tmp_path / name).read_bytes() for name in ("a", "b")
    )
    assert first == second
    folder = unpacked(small_model, server, tmp_path)
    assert models.check_description(json.loads((folder / "model.json").read_text()))[
        "classes"
    ] == list(small_model.classes)
    assert (folder / "code" / "hosted.py").is_file()
    assert not list(folder.rglob("requirements.txt")), "nothing is installed when it starts"


def test_the_entry_point_runs_without_the_toolkit_too(small_model: Model, tmp_path: Path) -> None:
    """By hand, as any script of the project: the toolkit's own exception is only there where the toolkit is."""
    folder = unpacked(small_model, "pytorch", tmp_path)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import hosted, inference\n"
        "try: hosted.input_fn(b'x', 'text/csv')\n"
        "except inference.UnsupportedType: print('refused')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder / "code")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.stdout.strip() == "refused", run.stderr
