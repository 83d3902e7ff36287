"""The README's commands, paths and variables are the real ones."""

from __future__ import annotations

import re

from core import hosts, settings

README = (settings.PROJECT / "README.md").read_text()
MAKEFILE = (settings.PROJECT / "Makefile").read_text()


def test_every_make_command_it_names_is_a_target() -> None:
    named = set(re.findall(r"make ([a-z-]+)", README))
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert {"run", "test", "check", "bench"} <= named
    assert named - {"s"} <= targets


def test_every_environment_variable_is_documented_and_no_other() -> None:
    variables = {**vars(settings), **vars(hosts)}
    known = {value for name, value in variables.items() if name.startswith("ENV_")}
    assert set(re.findall(r"FIELDMARK_[A-Z_]+", README)) == known


def test_every_path_of_the_map_is_there() -> None:
    plan = README.split("## A map of the code")[1].split("```")[1]
    folder = settings.PROJECT
    missing = []
    for line in filter(None, plan.splitlines()):
        for name in re.findall(
            r"(?<![\w./])([a-z_]+(?:\.py|/))",
            line.split("  ")[0] if not line.startswith(" ") else line[:18],
        ):
            parent = settings.PROJECT / "core" if line.startswith("  ") else folder
            if not (parent / name).exists():
                missing.append(name)
    assert not missing


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures
    assert not [name for name in pictures if not (settings.PROJECT / name).is_file()]


def test_the_folders_of_the_home_are_the_ones_settings_makes() -> None:
    table = README.split("## Where things are kept")[1].split("## ")[0]
    for make in (
        settings.datasets_dir,
        settings.jobs_dir,
        settings.features_dir,
        settings.thumbnails_dir,
        settings.weights_dir,
    ):
        assert f"`{make().name}/`" in table
