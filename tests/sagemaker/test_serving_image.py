"""The archives that the serving images are given, run as far as they run without those images."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from core import settings
from core.backends.sagemaker.endpoints import serving_image
from core.models import store as models
from core.models.store import Model
from tests import shapes

OWN_IMAGE = settings.PROJECT / "docs" / "serving_image"
# Ray itself is not installed here: its decorator is the only thing of it that the file uses before a request comes.
RAY = "class Deployment:\n    def __init__(self, made): self.made = made\n    def bind(self): return self.made\ndeployment = Deployment\n"
ASK = """
import asyncio, json, sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import ray_deployment
from starlette.requests import Request

def asked(body, kind):
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", kind.encode())]}
    answer = asyncio.run(served(Request(scope, receive)))
    return answer.status_code, json.loads(answer.body)

served = ray_deployment.app()
print(json.dumps([asked(open(sys.argv[3], "rb").read(), "image/png"), asked(b"no photo", "image/png"), asked(b"1,2", "text/csv")]))
"""


def unpacked(model: Model, server: str, folder: Path) -> Path:
    archive = serving_image.pack(model, server, folder)
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "opt", filter="data")
    return folder / "opt"


@pytest.mark.parametrize(("batch", "statuses"), [(False, [200, 400, 415]), (True, [200, 200, 200])])
def test_the_ray_deployment_answers_and_refuses(
    small_model: Model, tmp_path: Path, batch: bool, statuses: list[int]
) -> None:
    folder = unpacked(small_model, "ray", tmp_path)
    assert "import_path: ray_deployment:app" in (folder / "config.yaml").read_text()
    stand_in = tmp_path / "stand_in" / "ray"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "serve.py").write_text(RAY)
    photo = tmp_path / "photo.png"
    shapes.photo("circle", 7).save(photo)
    variables = dict(serving_image.environment("ray", "us-east-1", batch=batch))
    check_answers([ASK, str(folder), str(stand_in.parent), str(photo)], variables, statuses)


def check_answers(program: list[str], variables: dict[str, str], statuses: list[int]) -> None:
    """Run a program that prints what a server answers to a circle, to bytes that are not a photo
    and to a type that is not supported."""
    run = subprocess.run(
        [sys.executable, "-c", *program],
        capture_output=True,
        text=True,
        env=variables,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    answers = json.loads(run.stdout.splitlines()[-1])
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
