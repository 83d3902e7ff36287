"""What operators read: as much as they asked for, and never a secret."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from core import log, settings
from core.errors import UserError
from core.jobs import processes
from ui import messages
from ui.shell import operators

KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HUB = "hf_" + "aB3" * 11
SECRETS = [
    ("the key AKIAIOSFODNN7EXAMPLE is refused", "AKIAIOSFODNN7EXAMPLE"),
    (f"signed with {KEY}.", KEY),
    (f"aws_secret_access_key = {KEY}", KEY),
    (f'{{"SecretAccessKey": "{KEY}", "Expiration": 1}}', KEY),
    ("AWS_SESSION_TOKEN=FwoGZXIvYXdzEJr//abc==", "FwoGZXIvYXdzEJr"),
    ("https://b.s3.amazonaws.com/k?X-Amz-Signature=0a1b2c&x=1", "0a1b2c"),
    ("https://b.s3.amazonaws.com/k?X-Amz-Credential=ASIAX/2026&x=1", "ASIAX/2026"),
    ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
    ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    (f"the hub refused {HUB}", HUB),
    ("pushed with ghp_0123456789abcdef0123", "ghp_0123456789abcdef0123"),
    ("a cookie eyJhbGciOi.eyJzdWIi.c2ln", "eyJzdWIi"),
    ("proxy http://kim:hunter2@proxy:3128 is down", "hunter2"),
    ("cloned https://s3cr3t@github.com/a/b", "s3cr3t"),
    ("password: 'correct-horse'", "correct-horse"),
]
HARMLESS = [
    "Job fm-training-20260101t000000-0a1b2c can't be read: KeyError: 'state'",
    "photo da39a3ee5e6b4b0d3255bfef95601890afd80709 is left out",
    "s3://bucket/fieldmark/images/0a1b.jpg: AccessDenied",
    "Tidying up: [Errno 28] No space left on device: '/home/kim/.fieldmark/tmp'",
    "http://127.0.0.1:8501/datasets?dataset=birds is up",
]


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """Each as it was, afterwards."""
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in log.LOGGERS]
    kept = [list(logger.handlers) for logger, _ in before]
    yield
    for (logger, level), handlers in zip(before, kept, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_never_appears(capsys: pytest.CaptureFixture[str], text: str, secret: str) -> None:
    log.begin()
    logger = logging.getLogger("core.aws.connection")
    logger.error("It said: %s", text)
    try:
        raise RuntimeError(text)
    except RuntimeError:
        logger.exception("Unexpected")
    said = capsys.readouterr().err
    assert secret not in said
    assert said.count(log.HIDDEN) >= 2
    assert "RuntimeError" in said


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(capsys: pytest.CaptureFixture[str], text: str) -> None:
    log.begin()
    logging.getLogger("ui.shell.routes").warning(text)
    assert capsys.readouterr().err.endswith(f"WARNING ui.shell.routes: {text}\n")


def test_what_the_environment_keeps_secret_stays_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-a-form-that-nobody-knows")
    monkeypatch.setenv("HF_TOKEN", "another-of-those")
    monkeypatch.setenv("SHORT_TOKEN", "the")
    text = "the of-a-form-that-nobody-knows, another-of-those"
    assert log.without_secrets(text) == f"the {log.HIDDEN}, {log.HIDDEN}"


@pytest.mark.parametrize("given", [*log.LEVELS, "warning", " error "])
def test_operators_set_the_level(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    monkeypatch.setenv(settings.ENV_LOG, given)
    log.begin()
    log.begin()
    least = log.LEVELS.index(given.strip().upper())
    for level in log.LEVELS:
        logging.getLogger("core.x").log(getattr(logging, level), "so %s", level)
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == list(log.LEVELS[least:])


@pytest.mark.parametrize("given", ["", " "])
def test_without_a_level_it_is_the_usual_one(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(settings.ENV_LOG, given)
    assert log.level() == log.USUAL


def test_what_is_no_level_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.ENV_LOG, "loud")
    with pytest.raises(UserError, match=r"'loud'.*DEBUG, INFO, WARNING, ERROR, CRITICAL"):
        log.begin()


def test_what_ends_a_page_is_logged_with_its_traceback_and_without_secrets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    operators.begin_log()
    with pytest.raises(RuntimeError), messages.report_errors():
        raise RuntimeError("a fault of ours goes on to Streamlit")
    assert not capsys.readouterr().err
    with messages.report_errors():
        raise OSError(5, f"password={KEY}")
    said = capsys.readouterr().err
    assert "WARNING ui.messages: A page could not be drawn." in said
    assert "Traceback" in said
    assert KEY not in said


@pytest.mark.parametrize("name", operators.OTHERS)
def test_what_streamlit_says_of_it_has_no_secrets_either(
    name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    operators.begin_log()
    theirs = logging.getLogger(name)
    # Servers in this process, of other tests, may have silenced it.
    monkeypatch.setattr(theirs, "level", logging.ERROR)
    theirs.addHandler(caplog.handler)
    try:
        raise RuntimeError(f"token={HUB}")
    except RuntimeError as error:
        theirs.error("Uncaught app execution", exc_info=error)
    finally:
        theirs.removeHandler(caplog.handler)
    assert "RuntimeError" in caplog.text
    assert HUB not in caplog.text


def test_a_worker_logs_as_much_as_its_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.ENV_LOG, "ERROR")
    assert processes.worker_environment()[settings.ENV_LOG] == "ERROR"


def test_an_app_with_a_wrong_level_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.ENV_LOG, "loud")
    ended = subprocess.run(
        [sys.executable, "-c", "import app"],
        cwd=settings.PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1].startswith("FIELDMARK_LOG is 'loud'")
