"""Whole photos over HTTP: only signed addresses are answered, in a format that browsers draw."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.datasets import made
from ui.shared import photo_route


@pytest.fixture
def browser() -> TestClient:
    return TestClient(Starlette(routes=photo_route.ROUTES))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    folder = tmp_path / "photos"
    folder.mkdir()
    made.photo(folder / "one.jpg", seed=1)
    return folder


def test_a_photo_is_sent_as_it_is(browser: TestClient, root: Path) -> None:
    answer = browser.get(photo_route.address(root, "one.jpg", "a" * 64))
    assert answer.status_code == 200
    assert answer.content == (root / "one.jpg").read_bytes()
    assert answer.headers["content-type"] == "image/jpeg"


def test_a_large_or_unusual_photo_becomes_a_jpeg(browser: TestClient, root: Path) -> None:
    Image.new("RGB", (3000, 1500), "green").save(root / "scan.tif")
    answer = browser.get(photo_route.address(root, "scan.tif"))
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size) == ("JPEG", (photo_route.SIDE, photo_route.SIDE // 2))


def test_an_address_opens_no_other_file(browser: TestClient, root: Path) -> None:
    made.photo(root / "two.jpg", seed=2)
    address = photo_route.address(root, "one.jpg")
    assert browser.get(address.replace("one.jpg", "two.jpg")).status_code == 403
    assert browser.get("photo-files?path=one.jpg").status_code == 403


@pytest.mark.parametrize("path", ["../secret.jpg", "words.jpg", "gone.jpg"])
def test_what_is_not_a_photo_of_the_folder_is_refused(
    browser: TestClient, root: Path, path: str
) -> None:
    made.photo(root.parent.parent / "secret.jpg", seed=3)
    (root / "words.jpg").write_text("words")
    assert browser.get(photo_route.address(root, path)).status_code == 404
