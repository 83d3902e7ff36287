"""What the README and the pages of docs/ say of commands, paths and variables is so."""

from __future__ import annotations

import re
from typing import Any

import typer
import yaml

from core import hosts, settings
from fieldmark import cli

README = (settings.PROJECT / "README.md").read_text()
REQUIREMENTS = (settings.PROJECT / "requirements.txt").read_text()
DOCS = settings.PROJECT / "docs"
PAGES = {path: path.read_text() for path in sorted(DOCS.rglob("*.md"))}
TEXT = "\n".join([README, *PAGES.values()])
MAKEFILE = (settings.PROJECT / "Makefile").read_text()


def test_every_make_command_it_names_is_a_target() -> None:
    named = set(re.findall(r"(?:`|^    )make ([a-z-]+)", TEXT, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert {"run", "test", "check", "bench"} <= named
    assert named <= targets


def test_every_environment_variable_is_documented_and_no_other() -> None:
    variables = {**vars(settings), **vars(hosts)}
    known = {value for name, value in variables.items() if name.startswith("ENV_")}
    assert set(re.findall(r"FIELDMARK_[A-Z_]+", TEXT)) == known


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
    table = (DOCS / "settings.md").read_text()
    for make in (
        settings.datasets_dir,
        settings.jobs_dir,
        settings.features_dir,
        settings.thumbnails_dir,
        settings.weights_dir,
    ):
        assert f"`{make().name}/`" in table


def test_every_link_between_the_pages_leads_somewhere() -> None:
    broken = [
        (path.name, link)
        for path, text in {settings.PROJECT / "README.md": README, **PAGES}.items()
        for link in re.findall(r"\]\(([^)#:]+)[^)]*\)", text)
        if not link.startswith("http") and not (path.parent / link).exists()
    ]
    assert not broken


def test_the_site_has_every_page() -> None:
    site = yaml.safe_load((settings.PROJECT / "mkdocs.yml").read_text())
    named = set(re.findall(r"[\w/-]+\.md", yaml.dump(site["nav"]) + site["not_in_nav"]))
    pages = {path.relative_to(DOCS).as_posix() for path in PAGES}
    assert named == {name for name in pages if not name.startswith("serving_image/")}


def test_every_command_that_is_shown_is_one() -> None:
    group: Any = typer.main.get_command(cli.app)
    shown = re.findall(r"(?:^    |`)fieldmark ([a-z]+)", TEXT, re.MULTILINE)
    assert len(shown) > 10
    assert set(shown) <= set(group.commands)


def test_the_pytorch_it_names_is_the_one_that_is_pinned() -> None:
    pinned = dict(re.findall(r"^(torch|torchvision)==([\d.]+);", REQUIREMENTS, re.MULTILINE))
    assert len(pinned) == 2
    for name, version in pinned.items():
        assert re.findall(rf"\b{name}==([\d.]+)\+cpu", README) == [version]
