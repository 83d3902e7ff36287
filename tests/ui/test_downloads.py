"""Big files by their own routes: the bytes as they are on the disk, parts of them, and a sentence where there is none."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.models.store import Model
from ui.shared import downloads


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=downloads.ROUTES))


def test_an_artifact_comes_whole_and_in_parts(client: TestClient, small_model: Model) -> None:
    expected = small_model.folder.artifact.read_bytes()
    address = f"/downloads/{small_model.id}/model.tar.gz"
    whole = client.get(address)
    assert whole.content == expected
    assert whole.headers["content-disposition"] == f'attachment; filename="{small_model.id}.tar.gz"'
    part = client.get(address, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, expected[100:200])


@pytest.mark.parametrize("name", ["model.tar.gz", "results.csv", "results.parquet"])
@pytest.mark.parametrize(
    "job_id",
    [
        "fm-training-20261101t000000-000000",
        "fm-transform-20261101t000000-000000",
        "..",
        "%2e%2e%2fetc",
    ],
)
def test_what_is_not_there_is_said(
    client: TestClient, home: object, name: str, job_id: str
) -> None:
    answer = client.get(f"/downloads/{job_id}/{name}")
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


def test_an_artifact_that_was_deleted_is_said_in_words(
    client: TestClient, small_model: Model
) -> None:
    small_model.folder.artifact.unlink()
    answer = client.get(f"/downloads/{small_model.id}/model.tar.gz")
    assert answer.status_code == 404
    assert "Train it again" in answer.text
