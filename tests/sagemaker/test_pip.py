"""A training job that may install packages, in an environment that is thrown away afterwards: pip runs in the container, and finds
wheels in a folder instead of the internet."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.aws import account as accounts
from core.backends import SAGEMAKER
from core.jobs.store import State
from core.models.store import Model
from tests.sagemaker import asking, containers
from tests.sagemaker.asking import Emulator
from tests.sagemaker.watching import ended, spec

# As packaging.PACKAGES wants them. They hold a module of another name, so that nothing uses them.
WHEELS = {"openvino": "2025.3.0", "pillow_heif": "1.8.0"}


def wheel(folder: Path, name: str, version: str) -> None:
    """Write a wheel that holds one empty module."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}_stand_in.py", "")
        file.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        members = [f"{name}_stand_in.py", *(f"{info}/{part}" for part in ("METADATA", "WHEEL"))]
        lines = [f"{member},,\n" for member in [*members, f"{info}/RECORD"]]
        file.writestr(f"{info}/RECORD", "".join(lines))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pip")
    for name, version in WHEELS.items():
        wheel(folder, name, version)
    try:
        return containers.throw_away(folder / "environment", folder)
    except containers.Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def emulator(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator for this module alone, whose containers have that environment."""
    with asking.running(tmp_path_factory.mktemp("emulator"), environment) as running:
        yield running


def installed(environment: Path) -> set[str]:
    return {path.name.removesuffix("_stand_in.py") for path in environment.rglob("*_stand_in.py")}


def test_a_job_that_may_install_packages_installs_them_and_trains_and_no_other_job_sees_them(
    aws: Emulator, environment: Path, small_model: Model
) -> None:
    accounts.save(dataclasses.replace(accounts.load(), allow_pip=True))
    for _ in range(2):
        job = ended(SAGEMAKER.train(spec(small_model)))
        assert job.state is State.COMPLETED, job.status.reason
        # The second one would find them installed already.
        assert "Successfully installed" in job.folder.log.read_text()
    assert not installed(environment)
    assert not installed(containers.environment())
