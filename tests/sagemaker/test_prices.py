"""Prices: what the shipped table says and admits, and what a refresh puts in its place."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from core.aws import prices
from core.backends.sagemaker import job_facts
from core.jobs import store as jobs


def listed(usd: str, use: str, attribute: str = "platoinstancetype") -> str:
    """Return one entry of the Pricing API's answer, as text, the way it comes."""
    dimensions = {"b": {"unit": "Hrs", "pricePerUnit": {"USD": usd}}}
    return json.dumps(
        {
            "product": {"attributes": {attribute: use}},
            "terms": {"OnDemand": {"a": {"priceDimensions": dimensions}}},
        }
    )


def client(answers: dict[str, list[str]]) -> Any:
    """Return a Pricing client that gives these entries for these instance types and nothing for the
    others, one type at a time."""
    made = boto3.client(
        "pricing", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    stub = Stubber(made)
    for name in prices.instances():
        stub.add_response(
            "get_products", {"FormatVersion": "aws_v1", "PriceList": answers.get(name, [])}
        )
    stub.activate()
    return made


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stub's answers are in order, so they must be asked for in order."""
    monkeypatch.setattr(prices, "AT_ONCE", 1)


def test_a_shipped_price_says_that_it_is_approximate_and_from_when() -> None:
    price = prices.hourly("ml.m5.large", "training", "us-east-1")
    assert price is not None
    assert price.usd == 0.115
    assert not price.asked
    assert "Approximate list price" in price.origin
    assert "2026-11-23" in price.origin


def test_every_price_of_the_table_names_a_source_and_a_known_machine() -> None:
    table = json.loads(prices.SHIPPED.read_text())
    for region, entries in table["regions"].items():
        for name, entry in entries.items():
            assert name in table["instances"], f"{name} in {region}"
            assert table["sources"][entry["source"]]
            assert entry["usd"] > 0


def test_a_region_without_prices_shows_those_of_another_and_says_so() -> None:
    price = prices.hourly("ml.g5.2xlarge", "hosting", "ap-south-1")
    assert price is not None
    assert price.region == "us-east-1"
    assert "us-east-1" in price.origin


def test_an_unknown_machine_has_no_price_and_no_guess() -> None:
    assert prices.hourly("ml.p99.large", "training", "us-east-1") is None
    estimate = prices.estimate("ml.p99.large", "training", "us-east-1", seconds=3600)
    assert estimate.per_hour is None
    assert "No price is known" in estimate.words


def test_the_worst_case_is_every_job_on_every_instance_to_its_time_limit() -> None:
    estimate = prices.estimate(
        "ml.m5.xlarge", "training", "us-east-1", count=2, seconds=1800, jobs=10, parallel=3
    )
    assert estimate.per_hour == pytest.approx(0.23 * 2 * 3)
    assert estimate.at_most == pytest.approx(0.23 * 2 * 10 * 0.5)


def test_serverless_is_paid_by_memory_and_second() -> None:
    assert prices.serverless(4096, 1000) == pytest.approx(0.08)


@pytest.mark.usefixtures("one_by_one")
def test_a_refresh_takes_the_place_of_the_table_in_its_region_only() -> None:
    entries = [
        listed("0.1234", "Training"),
        listed("0.2", "Hosting", "component"),
        listed("9.9", "Studio"),
    ]
    assert prices.refresh(client({"ml.m5.large": entries}), "eu-west-1") == 2
    training, hosting = (
        prices.hourly("ml.m5.large", use, "eu-west-1") for use in ("training", "hosting")
    )
    assert training is not None
    assert hosting is not None
    assert (training.usd, hosting.usd) == (0.1234, 0.2)
    assert "AWS list price" in training.origin
    assert prices.date_of("eu-west-1")[1]
    elsewhere = prices.hourly("ml.m5.large", "training", "us-east-1")
    assert elsewhere is not None
    assert (elsewhere.usd, elsewhere.asked) == (0.115, False)


@pytest.mark.usefixtures("one_by_one")
def test_what_was_billed_is_priced_by_what_the_machine_was_used_for() -> None:
    prices.refresh(
        client({"ml.m5.large": [listed("36", "Training"), listed("72", "Transform")]}), "eu-west-1"
    )
    spec = {"resources": {"instance_type": "ml.m5.large"}, "account": {"region": "eu-west-1"}}

    def billed(kind: str, seconds: int) -> str:
        status = jobs.Status(jobs.State.COMPLETED, progress={"billable_seconds": seconds})
        return job_facts.facts(
            jobs.Job(jobs.new_id(kind), kind, "Job", "sagemaker", 0.0, spec, status)
        )["Billed"]

    assert billed("training", 100) == "billed 100 s, about 1.00 USD"
    assert billed("transform", 100) == "billed 100 s, about 2.00 USD"


def test_a_cost_of_next_to_nothing_is_said_in_words() -> None:
    spec = {"resources": {"instance_type": "ml.m5.large"}, "account": {"region": "us-east-1"}}
    status = jobs.Status(jobs.State.COMPLETED, progress={"billable_seconds": 3})
    job = jobs.Job(jobs.new_id("training"), "training", "Job", "sagemaker", 0.0, spec, status)
    assert job_facts.facts(job)["Billed"] == "billed 3 s, less than 0.01 USD"


@pytest.mark.usefixtures("one_by_one")
def test_a_refresh_that_brings_nothing_leaves_the_table() -> None:
    assert prices.refresh(client({}), "us-east-1") == 0
    assert not prices.refreshed_file().exists()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"us-east-1": 1}', '{"us-east-1": {"date": "x"}}']
)
def test_a_damaged_refreshed_table_is_as_none(content: str) -> None:
    prices.refreshed_file().write_text(content)
    price = prices.hourly("ml.m5.large", "training", "us-east-1")
    assert price is not None
    assert not price.asked


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "unknown"),
        (0, "0 USD"),
        (0.0004, "< 0.01 USD"),
        (0.115, "0.115 USD"),
        (1234.5, "1,234.50 USD"),
    ],
)
def test_money_is_not_written_more_exactly_than_it_is_known(usd: float | None, text: str) -> None:
    assert prices.money(usd) == text
