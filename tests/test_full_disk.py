"""A disk that is full, or only reads, below everything a person does: words, nothing broken, and
every page opens."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core import settings
from core.aws import account as accounts
from core.aws.account import Account
from core.backends import LOCAL
from core.batch import sources
from core.datasets import store
from core.datasets.editing import drafts, edits, review
from core.errors import FieldmarkError
from core.io import files, images
from core.jobs import labels
from core.jobs.specs import EndpointSpec, ImportSpec, TrainingSpec
from core.models import explain
from core.models import store as models
from tests.datasets import made
from tests.ui.test_pages import PAGES, drawn
from ui.shell.routes import ROUTES

SIZE_MB = 48


@pytest.fixture
def disk(tmp_path: Path, trained_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with a dataset and a model, on a file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "none", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a file system")
    monkeypatch.setenv("FIELDMARK_HOME", str(folder / "home"))
    for part in ("datasets", "jobs"):
        shutil.copytree(trained_home / part, settings.home() / part)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            with suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass


def close(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


BREAKS = {"full": fill, "read only": close}
SAYS = {
    "full": "disk is full|can't be written|free",
    "read only": "read-only|can't be created|free",
}


def the_version() -> store.Version:
    (dataset,) = [item for item in store.datasets() if isinstance(item, store.Dataset)]
    return store.latest(dataset.id)


def the_step() -> edits.Step:
    return edits.relabel([store.manifest_of(the_version())["path"][0]], "square")


VERBS: dict[str, Callable[[models.Model], Any]] = {
    "rename a dataset": lambda _: store.rename(the_version().dataset_id, "Other"),
    "a new version": lambda _: store.derive(the_version(), {"kind": "stratified", "ratios": settings.DEFAULT_RATIOS, "seed": 1}),
    "a step of a draft": lambda _: drafts.add(the_version(), the_step()),
    "rename a job": lambda model: labels.set_label(model.id, name="Other"),
    "a note": lambda model: labels.change_label(model.job, model.name, [], "note"),
    "train": lambda _: LOCAL.train(TrainingSpec("x", the_version().dataset_id, the_version().id, {})),
    "deploy": lambda model: LOCAL.deploy(EndpointSpec("x", model.id)),
    "import": lambda _: LOCAL.import_dataset(ImportSpec("x", "sample")),
    "upload an archive": lambda _: sources.keep_archive(io.BytesIO(b"x" * 10**6), 10**6),
    "upload photos": lambda _: sources.keep_uploads([("a.jpg", io.BytesIO(b"x" * 10**6))]),
    "a photo to explain": lambda _: explain.keep_upload(photo_bytes()),
    "set a photo aside": lambda _: review.add(photo_bytes(), shown="x.png", label="circle"),
    "an account": lambda _: accounts.change(Account(), Account(region="eu-central-1")),
}  # fmt: skip


def photo_bytes() -> bytes:
    buffer = io.BytesIO()
    made.pixels(1, (400, 300)).save(buffer, "PNG")
    return buffer.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("how", BREAKS)
def test_every_verb_says_in_words_what_stands_in_its_way_and_breaks_nothing(
    disk: Path, how: str
) -> None:
    model = models.listing()[0]
    home = settings.home()
    settings.temporary_dir()
    BREAKS[how](disk)
    before = contents(home)
    for name, verb in VERBS.items():
        with pytest.raises(FieldmarkError, match=SAYS[how]) as caught:
            verb(model)
        print(f"{name}: {caught.value}")
        assert contents(home) == before, name


@pytest.mark.parametrize("how", BREAKS)
def test_every_page_opens(disk: Path, how: str) -> None:
    model, version = models.listing()[0], the_version()
    BREAKS[how](disk)
    asked = {"dataset": version.dataset_id, "model": model.id}
    for page in PAGES:
        assert not drawn(page, **asked).exception, page
    assert not drawn("train.py", job=model.id).exception


def test_the_gallery_shows_photos_for_which_the_disk_has_no_room(disk: Path) -> None:
    version = the_version()
    fill(disk)
    app = drawn("datasets.py", dataset=version.dataset_id, view="Photos")
    assert not app.exception
    root, row = store.dataset(version.dataset_id).root, store.manifest_of(version).iloc[0]
    with pytest.raises(FieldmarkError):
        images.thumbnail(row["image_id"], files.safe_join(root, row["path"]))
    client = TestClient(Starlette(routes=ROUTES))
    answer = client.get(f"/thumbnails/{row['image_id']}")
    assert answer.status_code == 200
    assert images.open_image(answer.content).size[0] > 20
    (disk / "filler").unlink()
    assert images.thumbnail(row["image_id"], files.safe_join(root, row["path"])).is_file()


def test_a_home_that_vanished_is_named_on_every_page(home: Path) -> None:
    settings.datasets_dir()
    home.rename(home.with_name("elsewhere"))
    for page in PAGES:
        app = drawn(page)
        assert not app.exception, page
        assert any("is gone" in error.value for error in app.error), page
    assert not home.exists()
