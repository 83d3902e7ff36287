"""The container's files, read: nothing here builds an image."""

from __future__ import annotations

import re
import tomllib
from pathlib import PurePath

import yaml

from core import settings
from core.settings import PROJECT

DOCKERFILE = (PROJECT / "Dockerfile").read_text()
LINES = re.sub(r"\\\n\s*", " ", DOCKERFILE).splitlines()
STEPS = [line.split(maxsplit=1) for line in LINES if line.strip() and not line.startswith("#")]
COMPOSE = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]["fieldmark"]


def of(instruction: str) -> list[str]:
    return [rest for name, rest in STEPS if name == instruction]


def copied() -> set[str]:
    return {source for rest in of("COPY") for source in rest.split()[:-1]}


def test_every_copied_file_is_there_and_not_ignored() -> None:
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied()
    assert all((PROJECT / name).exists() for name in copied())


def test_everything_that_the_package_carries_is_copied() -> None:
    built = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    wheel = built["targets"]["wheel"]
    carried = {*wheel["packages"], *wheel["force-include"]}
    assert {PurePath(name).parts[0] for name in carried} <= copied()


def test_it_runs_as_nobody_special_and_says_how_it_is() -> None:
    assert STEPS[0][0] == "FROM"
    assert of("USER") == ["fieldmark"]
    names = [name for name, _ in STEPS]
    assert max(i for i, name in enumerate(names) if name == "RUN") > names.index("USER"), (
        "the home is made by its owner"
    )
    assert not [rest for rest in of("RUN") if "sudo" in rest or "chmod 777" in rest]
    (check,) = of("HEALTHCHECK")
    assert "/_stcore/health" in check
    (volume,) = of("VOLUME")
    assert PurePath(volume).name == settings.home().name or volume.endswith(".fieldmark")
    assert of("EXPOSE") == ["8501"]
    assert of("CMD") == ['["fieldmark", "run", "--headless"]']


def test_compose_gives_no_more_than_the_app_needs() -> None:
    assert COMPOSE["ports"] == ["127.0.0.1:8501:8501"]
    assert COMPOSE["read_only"] is True
    assert COMPOSE["cap_drop"] == ["ALL"]
    (volume,) = of("VOLUME")
    assert f"home:{volume}" in COMPOSE["volumes"]
    assert [each for each in COMPOSE["volumes"] if "secrets.toml" in each and each.endswith(":ro")]
