"""Who works on this workstation pays nothing for SageMaker: its packages are not even imported until somebody asks AWS something."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from core import settings
from core.aws import connection
from core.models.store import Model

HEAVY = ("boto3", "botocore", "sagemaker", "torch", "moto")
PAGE = """
import json, sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("ui/shell/router.py", default_timeout=300).run()
app = app.switch_page(sys.argv[1]).run()
assert not app.exception, app.exception
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def imported(code: str, *arguments: str) -> set[str]:
    """Return the packages that are in memory after this code."""
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=settings.PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_importing_core_imports_no_boto3() -> None:
    code = "import json, sys; import core.backends; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    assert not imported(code) & set(HEAVY)


@pytest.mark.parametrize("name", ["train", "tune", "deploy", "batch", "models", "overview"])
def test_drawing_a_page_without_an_account_imports_no_boto3(small_model: Model, name: str) -> None:
    page = Path(settings.PROJECT) / "pages" / f"{name}.py"
    assert not imported(PAGE, str(page)) & set(HEAVY)


def test_the_clients_of_an_account_share_what_a_session_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each session keeps AWS's addresses and rules for itself: 8 MB for every service that a watcher asks."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of this test alone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    made: list[boto3.Session] = []
    session = boto3.Session
    monkeypatch.setattr(boto3, "Session", lambda: made.append(session()) or made[-1])
    for service in ("s3", "logs", "sagemaker"):
        connection.client(service, region="eu-west-1")
    assert len(made) == 1
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of another account")
    connection.client("s3", region="eu-west-1")
    assert len(made) == 2, "another account's keys are another session"
