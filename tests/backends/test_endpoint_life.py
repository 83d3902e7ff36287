"""The life of a real endpoint: its form and how good that is, its deadline, its port, what it keeps, and how it comes back."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import settings
from core.backends import LOCAL, Endpoint, EndpointState, ask
from core.endpoints import capture
from core.errors import PhotoRefused, UserError
from core.jobs import locks
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec, LoadSpec
from core.jobs.status.asked import endpoint_spec
from core.jobs.store import State
from core.models.store import Model
from tests import shapes
from tests.backends.watching import ended, settled, until


def png(name: str, seed: int = 99) -> bytes:
    buffer = io.BytesIO()
    shapes.photo(name, seed=seed).save(buffer, "PNG")
    return buffer.getvalue()


def deployed(spec: EndpointSpec) -> Endpoint:
    endpoint = settled(LOCAL, LOCAL.deploy(spec))
    assert endpoint.state is EndpointState.IN_SERVICE, (
        f"{endpoint.reason}\n{LOCAL.log(jobs.read(endpoint.id)).text}"
    )
    return endpoint


@pytest.fixture
def clean(heated: Model) -> Iterator[Model]:
    """The small model in the shared warm home, without endpoints before and after."""
    yield heated
    for endpoint in LOCAL.endpoints():
        LOCAL.delete(endpoint)


def test_it_says_which_form_answers_and_how_good_that_is(clean: Model) -> None:
    endpoint = deployed(EndpointSpec("Shapes", clean.id))
    chosen = endpoint.details.chosen
    assert endpoint.details.form == chosen.form
    assert chosen.workers >= 1
    assert chosen.same_class == chosen.photos
    assert 0 <= chosen.max_difference <= 0.02
    assert chosen.photos == 12, "all there are of its own"
    assert chosen.milliseconds <= chosen.plain_milliseconds
    until(lambda: LOCAL.figures(endpoint).requests is not None, "its figures")
    figures = LOCAL.figures(endpoint)
    assert (figures.requests, figures.form) == (0, chosen.form), "the smoke image does not count"


def test_several_photos_and_single_ones_have_the_same_answers(clean: Model) -> None:
    endpoint = deployed(EndpointSpec("Shapes", clean.id))
    bodies = [png(name, seed) for name in shapes.CLASSES for seed in (201, 202)]
    single = [LOCAL.invoke(endpoint, body, "image/png")["predictions"] for body in bodies]
    parts = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="p"; filename="p"\r\n\r\n' + body + b"\r\n"
        for body in bodies
    )
    send = LOCAL.connect(endpoint)
    together = json.loads(send(parts + b"--x--\r\n", "multipart/form-data; boundary=x"))["answers"]
    for one, other in zip(single, together, strict=True):
        assert [entry["label"] for entry in one] == [
            entry["label"] for entry in other["predictions"]
        ]
        assert [entry["probability"] for entry in one] == pytest.approx(
            [entry["probability"] for entry in other["predictions"]], abs=0.005
        )


def test_at_its_deadline_it_deletes_itself_with_nobody_looking(clean: Model) -> None:
    endpoint = LOCAL.deploy(EndpointSpec("Short", clean.id, seconds=6, capture_share=1))
    job = jobs.read(endpoint.id)
    # Only the lock is looked at, which asks nothing of the backend.
    until(lambda: not locks.is_locked(job.folder.lock), "the end of the server")
    assert time.time() >= job.created + 6
    assert jobs.read(endpoint.id).state is State.COMPLETED
    assert endpoint.id not in [found.id for found in LOCAL.endpoints()]
    jobs.delete(endpoint.id)


def test_fault_39_a_port_that_is_taken_is_not_fought_for(clean: Model) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        endpoint = deployed(EndpointSpec("Elsewhere", clean.id, port=port))
        assert not endpoint.url.endswith(f":{port}")
        assert endpoint.details.port_taken == port
        assert LOCAL.invoke(endpoint, png("circle"), "image/png")["predictions"]
    LOCAL.delete(endpoint)
    endpoint = deployed(EndpointSpec("There", clean.id, port=port))
    assert endpoint.url.endswith(f":{port}")
    assert not endpoint.details.port_taken


def test_killed_it_is_failed_and_the_same_again_serves(clean: Model) -> None:
    endpoint = deployed(EndpointSpec("Again", clean.id, capture_share=0.5))
    os.kill(jobs.read(endpoint.id).status.pid or 0, signal.SIGKILL)
    until(lambda: LOCAL.endpoints()[0].state is EndpointState.FAILED, "Failed")
    spec = replace(endpoint_spec(jobs.read(endpoint.id)), id=jobs.new_id("endpoint"))
    assert spec.capture_share == 0.5
    again = deployed(spec)
    LOCAL.delete(endpoint)
    assert LOCAL.invoke(again, png("square"), "image/png")["predictions"][0]["label"] == "square"


def test_what_it_keeps_is_there_while_it_serves(clean: Model) -> None:
    endpoint = deployed(EndpointSpec("Keeper", clean.id, capture_share=1))
    for seed in range(5):
        LOCAL.invoke(endpoint, png("circle", seed), "image/png")
    folder = jobs.read(endpoint.id).folder
    until(lambda: len(capture.read(folder)) >= 5, "five kept photos")
    kept = capture.read(folder)
    assert (capture.folder_of(folder) / kept["file"].iloc[-1]).read_bytes() == png("circle", 4)
    assert set(kept["prediction"]) == {"circle"}


def test_a_load_test_counts_every_answer(clean: Model) -> None:
    endpoint = deployed(EndpointSpec("Busy", clean.id))
    job = ended(LOCAL, LOCAL.load_test(LoadSpec("40 from 4", endpoint.id, requests=40, clients=4)))
    assert job.state is State.COMPLETED, job.status.reason
    progress = job.status.progress
    assert (progress["done"], progress["failed"]) == (40, 0)
    assert 0 < progress["p50_ms"] <= progress["p95_ms"]
    assert len(json.loads((job.folder.output / "load.json").read_text())["milliseconds"]) == 40
    LOCAL.delete(endpoint)
    late = ended(LOCAL, LOCAL.load_test(LoadSpec("late", endpoint.id)))
    assert late.state is State.FAILED
    assert "not live" in late.status.reason


def test_asking_about_many_says_what_failed_and_why(clean: Model, tmp_path: Path) -> None:
    endpoint = deployed(EndpointSpec("Asked", clean.id))
    good, bad, large = (tmp_path / name for name in ("good", "bad", "large"))
    good.write_bytes(png("triangle"))
    bad.write_bytes(b"no photo")
    large.write_bytes(bytes(7 * 2**20))
    found = dict(
        ask.ask_all(endpoint, {"good": good, "bad": bad, "large": large, "gone": tmp_path / "gone"})
    )
    assert found["good"]["predictions"][0]["label"] == "triangle"
    assert found["good"]["round_trip_ms"] >= found["good"]["latency_ms"]
    assert {name for name, answer in found.items() if "failed" in answer} == {
        "bad",
        "large",
        "gone",
    }
    assert {name: found[name]["is_final"] for name in ("bad", "large", "gone")} == {
        "bad": True,
        "large": True,
        "gone": False,
    }


def test_a_photo_of_any_size_is_asked_and_the_shrinking_is_said(
    clean: Model, tmp_path: Path
) -> None:
    endpoint = deployed(EndpointSpec("Large", clean.id))
    exif = Image.Exif()
    exif[0x0112] = 3
    noisy(shapes.photo("triangle", 5).rotate(180), 3300).save(
        tmp_path / "large.jpg", quality=99, exif=exif
    )
    before = (tmp_path / "large.jpg").stat().st_size
    assert before > settings.MAX_INVOCATION_BYTES
    answer = dict(ask.ask_all(endpoint, {"large": tmp_path / "large.jpg"}))["large"]
    assert answer["predictions"][0]["label"] == "triangle"
    assert answer["shrunk"][0] == before
    assert answer["shrunk"][1] < before / 3
    with pytest.raises(PhotoRefused, match="too large"):
        LOCAL.connect(endpoint)((tmp_path / "large.jpg").read_bytes(), "image/jpeg")


def noisy(photo: Image.Image, side: int) -> Image.Image:
    """The photo as large as a camera makes them, with the noise that makes the file large."""
    large = np.asarray(photo.resize((side, side), Image.Resampling.BICUBIC), dtype=np.int16)
    noise = np.random.default_rng(1).integers(-20, 20, large.shape, dtype=np.int16)
    return Image.fromarray((large + noise).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seconds", -1),
        ("seconds", 1e9),
        ("precision", "fp4"),
        ("port", 80),
        ("port", 70_000),
        ("capture_share", 1.5),
        ("capture_photos", 0),
    ],
)
def test_fault_20_a_spec_that_cannot_be_names_its_field(field: str, value: float) -> None:
    with pytest.raises(UserError) as refused:
        EndpointSpec("e", "m", **{field: value})  # type: ignore[arg-type]
    assert refused.value.field == field
