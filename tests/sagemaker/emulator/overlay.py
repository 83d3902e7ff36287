"""The Python environment of one container: it reads the shared one, and what pip installs into it is seen by no other container."""

from __future__ import annotations

import shutil
from pathlib import Path


def make(shared: Path, folder: Path) -> Path:
    """Return an environment at `folder` over the one at `shared`; made of a few files, in no time."""
    programs, site = folder / "bin", folder / _site(shared).relative_to(shared)
    programs.mkdir(parents=True)
    site.mkdir(parents=True)
    # addsitedir, so that the links of the shared one count as well.
    (site / "shared.pth").write_text(f"import site; site.addsitedir({str(_site(shared))!r})\n")
    for name in ("pyvenv.cfg", "pip.conf"):
        if (shared / name).exists():
            shutil.copy(shared / name, folder / name)
    for program in (shared / "bin").iterdir():
        _take(program, programs / program.name, shared, folder)
    return folder


def _site(environment: Path) -> Path:
    return next(environment.glob("lib/python*/site-packages"))


def _take(program: Path, own: Path, shared: Path, folder: Path) -> None:
    """Have a program that begins with the shared interpreter begin with the container's own."""
    if program.is_symlink():
        own.symlink_to(program.readlink())
        return
    text = program.read_bytes()
    if text.startswith(b"#!"):
        text = text.replace(str(shared).encode(), str(folder).encode())
    own.write_bytes(text)
    own.chmod(0o755)
