"""The artifact by itself: loaded elsewhere, without a network and without the packages that training needs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import inference
from fieldmark_ml.network import tensors
from tests import shapes
from tests.sm_scripts import running

# Serves the photos named on the command line with everything blocked that a serving container may lack.
ALONE = """
import json, socket, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"timm", "safetensors", "openvino", "huggingface_hub", "scipy", "sklearn", "pandas", "core", "sm_scripts"}:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

def no_network(*_, **__):
    raise OSError("no network")

sys.meta_path.insert(0, Blocked())
socket.socket.connect = socket.create_connection = socket.getaddrinfo = no_network
sys.path.insert(0, sys.argv[1] + "/code")
import inference

model = inference.model_fn(sys.argv[1])
for path in sys.argv[2:]:
    photo = inference.input_fn(open(path, "rb").read(), "application/x-image")
    print(inference.output_fn(inference.predict_fn(photo, model), "application/json"))
"""


def test_an_artifact_loaded_elsewhere_answers_as_training_did(
    trained: running.Run, photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained.model, tmp_path / "a model")
    rows = trained.predictions
    # The head was refitted after the validation figures were taken, so those photos' answers may differ.
    chosen = [index for index, split in enumerate(rows["split"]) if split != "validation"][::5]
    paths = [str(photos / rows["path"][index]) for index in chosen]
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(tmp_path / "a model"), *paths], cwd=tmp_path, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for line, index in zip(done.stdout.splitlines(), chosen, strict=True):
        answer = json.loads(line)
        served = {entry["label"]: entry["probability"] for entry in answer["predictions"]}
        expected = dict(zip(rows["classes"], rows["probabilities"][index].tolist(), strict=True))
        assert served == pytest.approx(expected, abs=1e-5)
        assert list(served.values()) == sorted(served.values(), reverse=True)
        assert answer["model"] == "Shapes"
        assert set(answer) == {"model", "predictions", "unsure", "unfamiliar", "latency_ms"}


def test_what_is_not_like_training_is_unfamiliar(trained: running.Run) -> None:
    model = inference.model_fn(str(trained.model))
    noise = torch.randint(
        0, 256, (3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    shape = inference.preprocessing.from_pillow(shapes.photo("square", 77))
    answers = inference.predict_batch(model, [noise, shape])
    assert [answer["unfamiliar"] for answer in answers] == [True, False]
    assert answers[1]["predictions"][0]["label"] == "square"


@pytest.mark.parametrize(
    ("body", "kind", "code", "status"),
    [
        (b"hello", "text/plain", "unsupported_type", 415),
        (b"hello", "", "unsupported_type", 415),
        (b"hello", "image/jpeg", "bad_image", 400),
        (b"", "application/x-image", "bad_image", 400),
        (b"0" * (inference.MAX_BYTES + 1), "image/png", "too_large", 413),
    ],
)
def test_fault_40_requests_that_cannot_be_answered(
    body: bytes, kind: str, code: str, status: int
) -> None:
    with pytest.raises(inference.RequestError) as caught:
        inference.input_fn(body, kind)
    assert (caught.value.code, caught.value.status) == (code, status)


def test_fault_42_a_damaged_artifact_names_the_file(trained: running.Run, tmp_path: Path) -> None:
    shutil.copytree(trained.model, tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        inference.model_fn(str(tmp_path / "model"))
    info = {**trained.info, "classes": []}
    (tmp_path / "model" / "model.json").write_text(json.dumps(info))
    with pytest.raises(ValueError, match="classes"):
        inference.model_fn(str(tmp_path / "model"))


def test_no_pickle_and_no_stray_file_travels(trained: running.Run) -> None:
    kinds = {path.suffix for path in trained.model.rglob("*") if path.is_file()}
    assert kinds == {".json", ".safetensors", ".py"}


def test_tensors_are_safetensors_files(tmp_path: Path) -> None:
    values = {
        "a": torch.randn(3, 4), "b": torch.arange(5), "half": torch.randn(2, 2).half(), "brain": torch.randn(3).bfloat16(),
        "scalar": torch.tensor(3.0), "none": torch.empty(0, 4), "flags": torch.tensor([True, False]), "across": torch.randn(4, 3).T,
    }  # fmt: skip
    tensors.save(values, tmp_path / "ours.safetensors")
    theirs = safetensors.torch.load_file(tmp_path / "ours.safetensors")
    ours = tensors.load(tmp_path / "ours.safetensors")
    safetensors.torch.save_file(
        {name: value.contiguous() for name, value in values.items()},
        tmp_path / "theirs.safetensors",
    )
    again = tensors.load(tmp_path / "theirs.safetensors")
    for name, value in values.items():
        assert torch.equal(theirs[name], value)
        assert torch.equal(ours[name], value)
        assert torch.equal(again[name], value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 7,
        b"\xff" * 64,
        np.uint64(20).tobytes() + b'{"a":{"dtype":"F32"}}',
        np.uint64(2).tobytes() + b"[]",
    ],
)
def test_what_is_not_safetensors_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.safetensors"):
        tensors.load(tmp_path / "x.safetensors")
