"""The AWS page and the cost line, drawn by Streamlit's own test runner: without anything, on the emulator, and with the network gone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import settings
from core.aws import account as accounts
from core.aws import connection, prices
from core.aws.account import Account
from core.backends.sagemaker.inventory import kept as running
from core.backends.sagemaker.inventory.kept import Resource, Running
from core.jobs import store as jobs
from core.jobs.store import State, Status
from tests.backends.watching import until
from tests.patience import PATIENCE
from tests.sagemaker.asking import Emulator

ROUTER = str(settings.PROJECT / "ui" / "shell" / "router.py")
VIEWS = ("Account", "Running", "Clean up", "Prices", "Permissions", "Self-test")
SECONDS = PATIENCE


def page(view: str, name: str = "aws.py") -> AppTest:
    app = AppTest.from_file(ROUTER, default_timeout=SECONDS)
    app.query_params["aws_view"] = view
    app.run()
    return app.switch_page(str(settings.PROJECT / "pages" / name)).run()


def text(app: AppTest) -> str:
    """Return all that the page and the sidebar say."""
    parts = [
        element.value
        for kind in ("markdown", "caption", "warning", "info", "error", "success")
        for element in app.get(kind)
    ]
    return "\n".join([*map(str, parts), *(button.label for button in app.button)]).replace("\\", "")


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which AWS was never set up."""
    for name in connection.CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("view", VIEWS)
def test_fault_46_every_view_draws_without_an_account(view: str) -> None:
    app = page(view)
    assert not app.exception
    assert "Everything works on this workstation without AWS" in text(app)
    assert "emulator" not in text(app).split("Account")[0]


@pytest.mark.usefixtures("nobody")
def test_fault_46_without_credentials_the_page_says_what_to_do() -> None:
    app = page("Account")
    said = text(app)
    for words in ("No region is set", "No role is set", "No bucket is set"):
        assert words in said
    until(lambda: "There are no AWS credentials" in text(app.run()), "the checks")
    commands = [str(code.value) for code in app.code]
    assert any("aws configure" in command for command in commands)
    assert any(command.startswith("aws s3 mb s3://") for command in commands)


def test_the_account_form_keeps_what_can_be_right_and_says_what_can_not() -> None:
    app = page("Account")
    app.text_input("aws_region").set_value("Frankfurt")
    app.text_input("aws_bucket").set_value("My_Bucket")
    app.get("button")[0].click().run()
    assert "'Frankfurt' is not valid" in text(app)
    assert "'My_Bucket' is not valid" in text(app)
    assert accounts.load() == Account()
    app.text_input("aws_region").set_value("eu-central-1")
    app.text_input("aws_role_arn").set_value("arn:aws:iam::123456789012:role/Jobs")
    app.text_input("aws_bucket").set_value("my-photos")
    next(button for button in app.button if button.label == "Save").click().run()
    assert accounts.load() == Account(
        "eu-central-1", "arn:aws:iam::123456789012:role/Jobs", "my-photos"
    )
    assert "Region eu-central-1, bucket my-photos/fieldmark" in text(app)


def test_what_runs_is_shown_with_age_cost_and_whose_it_is(aws: Emulator) -> None:
    account = accounts.load()
    old, name = time.time() - 4 * 3600, jobs.new_id("endpoint")
    mine = Resource(
        "endpoint",
        name,
        "a",
        "InService",
        old,
        True,
        "Birds",
        "1 x ml.m5.large",
        0.115,
        deadline=old + 60,
        requests=0.0,
    )
    theirs = Resource(
        "endpoint",
        "payroll",
        "a",
        "InService",
        old,
        False,
        "",
        "2 x ml.m5.large",
        0.23,
        requests=9.0,
    )
    free = Resource(
        "endpoint",
        jobs.new_id("endpoint"),
        "a",
        "InService",
        old,
        True,
        "Lazy",
        "serverless, 4096 MB",
        0.0,
        requests=0.0,
    )
    running.keep(
        Running(account.region, time.time(), (mine, theirs, free), (), running.key_of(account))
    )
    app = page("Running")
    assert not app.exception
    said = text(app)
    assert "0.115 USD per hour, 0.460 USD so far" in said
    assert "past its auto-stop time" in said
    assert "idle" in said
    assert "costs money only while it answers" in said
    assert "1 other resource in this region" in "".join(expander.label for expander in app.expander)
    assert "payroll" in str(app.dataframe[0].value)
    assert [metric.value for metric in app.metric] == ["2", "0.115 USD", "0.460 USD", "2"]


@pytest.mark.parametrize("name", ["overview.py", "datasets.py", "deploy.py", "batch.py"])
def test_fault_49_the_cost_line_is_on_every_page_also_without_a_network(
    aws: Emulator, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    account = accounts.load()
    resource = Resource(
        "endpoint",
        jobs.new_id("endpoint"),
        "a",
        "InService",
        time.time() - 7200,
        True,
        "Birds",
        "1 x ml.m5.large",
        0.115,
    )
    running.keep(
        Running(account.region, time.time() - 3600, (resource,), (), running.key_of(account))
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    app = page("", name)
    assert not app.exception
    assert "1 resource billed, updated" in text(app)


def test_an_emulator_is_called_one(aws: Emulator) -> None:
    assert "This is an emulator, not AWS" in text(page("Account"))


@pytest.mark.parametrize(
    ("address", "emulated"),
    [
        ("", False),
        ("http://127.0.0.1:4599", True),
        ("https://vpce-1.api.sagemaker.eu-west-1.vpce.amazonaws.com", False),
        ("http://amazonaws.com.example.org", True),
    ],
)
def test_a_vpc_endpoint_is_no_emulator(
    monkeypatch: pytest.MonkeyPatch, address: str, emulated: bool
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_SAGEMAKER", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    assert bool(connection.emulated()) is emulated


def test_prices_are_asked_for_at_the_press_of_a_button(aws: Emulator) -> None:
    app = page("Prices")
    assert "Approximate list prices, 2026-11-23. Refresh for your region." in text(app)
    app.button("aws_refresh_prices").click().run()
    assert not app.error
    assert prices.date_of(accounts.load().region)[1]
    assert "AWS list prices, " in text(app)


def test_the_clean_up_shows_first_and_removes_on_the_second_press(aws: Emulator) -> None:
    bucket, gone = accounts.load().bucket, jobs.new_id("training")
    aws.client("s3").put_object(
        Bucket=bucket, Key=f"fieldmark/jobs/{gone}/output/model.tar.gz", Body=b"x" * 2048
    )
    app = page("Clean up")
    app.button("aws_plan_button").click().run()
    assert not app.exception
    assert gone in str(
        app.get("arrow_data_frame")[0].value
        if app.get("arrow_data_frame")
        else app.session_state["aws_plan"]
    )
    assert aws.client("s3").list_objects_v2(Bucket=bucket).get("Contents"), (
        "a dry run removes nothing"
    )
    assert app.button("aws_carry_out").disabled, (
        "what may be somebody else's is not chosen by itself"
    )


def test_fault_53_no_view_shows_a_secret(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    for view in VIEWS:
        assert "canary" not in text(page(view))


def test_an_endpoint_that_is_being_deleted_has_a_page_that_comes_to_rest() -> None:
    name = jobs.new_id("endpoint")
    spec = {"name": "Birds", "model_id": "gone", "id": name, "account": {"region": "eu-west-1"}}
    job, lock = jobs.create(name, "endpoint", "Birds", "sagemaker", spec)
    assert lock is not None
    try:
        jobs.write_status(
            job.folder,
            Status(
                State.IN_PROGRESS,
                started=time.time(),
                progress={"url": "https://nowhere", "region": "eu-west-1"},
            ),
        )
        job.folder.stop_request.touch()
        app = AppTest.from_file(ROUTER, default_timeout=SECONDS)
        app.query_params["endpoint"] = name
        app.run()
        app = app.switch_page(str(settings.PROJECT / "pages" / "deploy.py")).run()
        assert not app.exception
        assert "Deletion continues" in text(app)
    finally:
        os.close(lock)
