"""The inputs of a training container besides photos: the training scripts with their dependencies,
and the pretrained weights.

Nothing is installed when a job starts: timm's model code is part of the archive, the weights are a
channel.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from core import settings
from core.errors import BackendError
from core.training import script as scripts

ENTRY = "train.py"
# The folder in which sm_scripts/fieldmark_ml/network/zoo.py looks for timm's code.
TIMM = "timm_models"
_TIMM_PARTS = ("version.py", "data/constants.py", "layers/*.py", "models/*.py")
# Installed by the toolkit if pip is allowed: OpenVINO for fast CPUs, and HEIC support.
REQUIREMENTS = "requirements.txt"
PACKAGES = b"openvino>=2025.3,<2027\npillow-heif>=1.8,<2\n"
SUFFIXES = (".safetensors", ".pth")


def sourcedir(*, allow_pip: bool) -> bytes:
    """Return `sourcedir.tar.gz` for SageMaker's script mode; the same files give the same bytes."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", fileobj=buffer, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, data in sorted(members(allow_pip=allow_pip)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), 0o644, 0
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def members(*, allow_pip: bool) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of every file of the archive."""
    for path in settings.SM_SCRIPTS.rglob("*.py"):
        yield path.relative_to(settings.SM_SCRIPTS).as_posix(), path.read_bytes()
    timm = _package("timm")
    for pattern in _TIMM_PARTS:
        for path in timm.glob(pattern):
            yield f"{TIMM}/{path.relative_to(timm).as_posix()}", path.read_bytes()
    if allow_pip:
        yield REQUIREMENTS, PACKAGES


def weights(arch: str) -> list[tuple[str, Path]]:
    """Return (name in the channel, file) of the pretrained weights of an `--arch` list.

    Downloads missing weights. Raises BackendError if that fails, or if timm does not know a name.
    """
    return [_weights(choice.name) for choice in scripts.choices(arch)]


def digest(paths: list[tuple[str, Path]]) -> str:
    """Return a hash of the names and contents of a set of files."""
    total = hashlib.sha256()
    for name, path in sorted(paths):
        with path.open("rb") as file:
            total.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\0".encode())
    return total.hexdigest()


def _weights(name: str) -> tuple[str, Path]:
    architecture = scripts.ARCHITECTURES.get(name)
    timm_name = architecture.timm_name if architecture else name.removeprefix("timm/")
    for stem in (timm_name, name):
        for suffix in SUFFIXES:
            path = settings.weights_dir() / f"{stem}{suffix}"
            if path.is_file():
                return f"{timm_name}{suffix}", path
    if architecture and architecture.package:
        found = sorted(_package(architecture.package).rglob("*.pth"))
        if found:
            return f"{timm_name}.pth", found[0]
    return f"{timm_name}.safetensors", _downloaded(
        timm_name, architecture.hub if architecture else ""
    )


def _downloaded(timm_name: str, hub: str) -> Path:
    try:
        hub = hub or _hub_of(timm_name)
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(hub, "model.safetensors"))
    except BackendError:
        raise
    except Exception as error:
        first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise BackendError(
            f"The weights of {timm_name} can't be downloaded to this machine ({first}). "
            "Use lite0, lite1 or lite2, which need no download, or copy "
            f"{timm_name}.safetensors to {settings.weights_dir()}."
        ) from error


def _hub_of(timm_name: str) -> str:
    import timm

    known = (
        timm.models.get_pretrained_cfg(timm_name, allow_unregistered=False)
        if timm.is_model(timm_name)
        else None
    )
    if known is None or not known.hf_hub_id:
        raise BackendError(
            f"timm has no pretrained weights named {timm_name!r}. See https://huggingface.co/timm."
        )
    return str(known.hf_hub_id)


def _package(name: str) -> Path:
    """Return the folder of an installed package without importing it."""
    spec = importlib.util.find_spec(name)
    if not spec or not spec.origin:
        raise BackendError(
            f"The package {name} is not installed on this machine. Run: pip install -r "
            "requirements.txt"
        )
    return Path(spec.origin).parent
