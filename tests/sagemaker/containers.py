"""The environment that the emulator's containers run in: AWS's toolkits, the app's own PyTorch, and nothing else of the app.

    python -m tests.sagemaker.containers

makes it, once, below build/, and prints where it is. It is made anew when what it depends on has changed. Only SHARED is visible in it,
as links into the app's environment, so a script that needs more than AWS's image has fails here as it would there.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import settings

FOLDER = settings.PROJECT / "build" / "containers"
REQUIREMENTS = settings.PROJECT / "requirements-emulator.txt"
RAY = settings.PROJECT / "requirements-ray.txt"
# What AWS's PyTorch images have, of what the app has as well, and what the toolkits need; each with what it needs itself.
SHARED = (
    "torch",
    "torchvision",
    "numpy",
    "pillow",
    "scipy",
    "boto3",
    "psutil",
    "protobuf",
    "werkzeug",
)
# The environment has its own of these.
OWN = {"setuptools", "pip", "wheel"}
INSTALL_SECONDS = 900


class Missing(Exception):
    """Why there is no such environment on this machine, and what helps."""


def environment() -> Path:
    """Return the folder of the virtual environment, made on first use. Raises Missing.

    It is named after what it was made from, so that a changed one does not take it from under those
    who use it.
    """
    return _made("the emulated containers", REQUIREMENTS)


def ray() -> Path:
    """Return the folder of an environment with Ray Serve in place of AWS's toolkits, made as
    `environment`. Raises Missing."""
    return _made("Ray Serve", RAY)


def _made(what: str, requirements: Path) -> Path:
    folder = FOLDER / _fingerprint(requirements)[:12]
    with _alone():
        if not (folder / "complete").is_file():
            print(f"  making the environment of {what} ...", file=sys.stderr, flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, requirements)
            (folder / "complete").touch()
    return folder


def _make(folder: Path, requirements: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)])
    share(next(folder.glob("lib/python*/site-packages")), folder / "shared")
    install = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    _run([*install, "-r", str(requirements)])


def throw_away(folder: Path, index: Path) -> Path:
    """Return an environment in `folder` with all that `environment` has, for containers that install
    packages: pip finds only the wheels in the folder `index`. Raises Missing."""
    base = environment()
    _run([sys.executable, "-m", "venv", str(folder)])
    seen = [next(base.glob("lib/python*/site-packages")), base / "shared"]
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "base.pth").write_text("".join(f"{path}\n" for path in seen))
    program = (base / "bin" / "train").read_text()
    own = folder / "bin" / "train"
    own.write_text(program.replace(str(base), str(folder)))
    own.chmod(0o755)
    (folder / "pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {index}\n")
    return folder


def share(site: Path, links: Path) -> None:
    """Make `links` a folder of links to everything that SHARED is made of, and `site` find it after
    its own packages."""
    links.mkdir()
    packages = Path(sysconfig.get_path("purelib"))
    for entry in sorted({part for name in closure(SHARED) for part in _entries(name)}):
        if (packages / entry).exists():
            (links / entry).symlink_to(packages / entry)
    (site / "shared.pth").write_text(f"{links}\n")


def closure(names: tuple[str, ...]) -> set[str]:
    """Return the installed distributions that `names` are and need, leaving out their extras."""
    found: set[str] = set()
    waiting = {_normal(name) for name in names}
    while waiting:
        name = waiting.pop()
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        plain = [text for text in needs if not re.search(r"extra\s*==", text)]
        waiting |= (
            {_normal(match[0]) for text in plain if (match := re.match(r"[\w.-]+", text))}
            - found
            - OWN
        )
    return found


def _entries(name: str) -> set[str]:
    """Return the names at the top of site-packages that belong to a distribution."""
    files = importlib.metadata.files(name) or []
    return {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _fingerprint(requirements: Path) -> str:
    versions = sorted(f"{name} {importlib.metadata.version(name)}" for name in closure(SHARED))
    parts = [sys.version, sys.prefix, str(SHARED), requirements.read_text(), *versions]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip()[-500:]
        hint = (
            " Building one of its packages needs a C compiler: sudo apt install gcc python3-dev."
            if "gcc" in said or "Python.h" in said
            else ""
        )
        raise Missing(
            f"The environment of the emulated containers can't be made.{hint} {said}"
        ) from error


@contextmanager
def _alone() -> Iterator[None]:
    """Several test processes may ask at once; one makes it, the others wait."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        print(environment())
    except Missing as missing:
        sys.exit(str(missing))
