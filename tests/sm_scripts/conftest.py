"""One drawn dataset and one trained model, made once for all tests of the scripts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import shapes
from tests.sm_scripts import running

# The scripts import each other by bare name, as they do in a container. Appended, so that nothing of ours hides an installed package.
if str(running.SM_SCRIPTS) not in sys.path:
    sys.path.append(str(running.SM_SCRIPTS))


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`<class>/<nn>.png` of three classes, 8 of each to train on, 4 to validate, 4 to test; manifest.csv beside them."""
    folder = shapes.draw(tmp_path_factory.mktemp("shapes") / "photos", 16)
    split = ["train"] * 8 + ["validation"] * 4 + ["test"] * 4
    rows = [
        (f"{name}/{number:02d}.png", name, split[number])
        for name in shapes.CLASSES
        for number in range(16)
    ]
    return running.write_manifest(folder, rows)


@pytest.fixture(scope="session")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> running.Run:
    """A finished run on `photos`: leave it as it is."""
    run = running.train_by(
        [],
        tmp_path_factory.mktemp("trained"),
        photos,
        name="Shapes",
        dataset_id="shapes-1",
        dataset_version="v1",
    )
    assert run.code == 0, run.log
    return run


@pytest.fixture(scope="session")
def features(trained: running.Run) -> dict[str, str]:
    """The environment that lets another run read the features of `trained`."""
    return {"SM_CHANNEL_FEATURES": str(trained.folder / "features")}
