"""What a training container is sent: the same bytes each time, everything that AWS's image lacks, and nothing that would start pip."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from core import settings
from core.backends.sagemaker import packaging
from core.errors import BackendError


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


def test_the_archive_is_the_same_bytes_whenever_it_is_made() -> None:
    assert packaging.sourcedir(allow_pip=False) == packaging.sourcedir(allow_pip=False)


def test_it_holds_the_scripts_and_the_code_of_timm_and_asks_for_nothing_to_be_installed() -> None:
    found = names(packaging.sourcedir(allow_pip=False))
    assert found == sorted(found), "the order of a folder's files is chance"
    assert {
        "train.py",
        "inference.py",
        "timm_models/version.py",
        "timm_models/models/efficientnet.py",
    } <= set(found)
    assert not any(name.startswith((".", "/")) or "__pycache__" in name for name in found)
    assert "requirements.txt" not in found


def test_with_pip_allowed_it_asks_for_what_makes_a_cpu_quick() -> None:
    with tarfile.open(fileobj=io.BytesIO(packaging.sourcedir(allow_pip=True))) as tar:
        asked = tar.extractfile("requirements.txt")
        assert asked is not None
        assert b"openvino" in asked.read()


def test_the_scripts_find_the_code_that_came_with_them(tmp_path: Path) -> None:
    """An interpreter that sees no timm builds the same package from what was sent along."""
    with tarfile.open(fileobj=io.BytesIO(packaging.sourcedir(allow_pip=False))) as tar:
        tar.extractall(tmp_path, filter="data")
    check = "from fieldmark_ml.network import zoo; print(zoo.timm_folder()); print(zoo.module_of('tf_efficientnet_lite0'))"
    ran = subprocess.run(
        [sys.executable, "-S", "-c", check],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.split() == [str(tmp_path / "timm_models"), "efficientnet"], ran.stderr


def test_weights_are_named_as_the_script_looks_for_them() -> None:
    found = packaging.weights("lite0@224+lite2")
    assert [name for name, _ in found] == ["tf_efficientnet_lite0.pth", "tf_efficientnet_lite2.pth"]
    assert all(path.stat().st_size > 10_000_000 for _, path in found)


def test_weights_that_a_person_put_there_come_first(home: Path) -> None:
    mine = settings.weights_dir() / "tf_efficientnet_lite0.safetensors"
    mine.write_bytes(b"mine")
    assert packaging.weights("lite0") == [("tf_efficientnet_lite0.safetensors", mine)]


def test_a_name_that_timm_does_not_have_is_said() -> None:
    with pytest.raises(BackendError, match="no_such_network"):
        packaging.weights("timm/no_such_network")


def test_a_set_of_files_is_named_by_what_is_in_them(tmp_path: Path) -> None:
    one, two = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    named = packaging.digest([("a", one), ("b", two)])
    assert named == packaging.digest([("b", two), ("a", one)])
    two.write_bytes(b"3")
    assert named != packaging.digest([("a", one), ("b", two)])
