"""Instance prices: a dated table that ships with the app, and AWS's own prices once somebody has
refreshed them.

Every price has its source. The shipped prices are not from AWS's API and are called approximate
wherever they are shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from core import settings
from core.aws.documents import Json
from core.io import files

SHIPPED = Path(__file__).with_name("prices.json")
USES = ("training", "hosting", "transform")
# The Pricing API's names of a use, in either of two attributes.
API_USES = {
    "Training": "training",
    "Hosting": "hosting",
    "Transform": "transform",
    "BatchTransform": "transform",
    "Batch Transform": "transform",
}
# Its prices replace those of a region that is in no table.
USUAL_REGION = "us-east-1"
# The Pricing API answers in these regions only.
API_REGIONS = ("us-east-1", "ap-south-1", "eu-central-1")
AT_ONCE = 4
HOUR = 3600.0


@dataclass(frozen=True)
class Instance:
    """The hardware of an instance type; `gpus` as `1 x T4`, '' for none."""

    name: str
    vcpus: int
    memory_gb: int
    gpus: str = ""

    @property
    def title(self) -> str:
        parts = (f"{self.vcpus} vCPU", f"{self.memory_gb} GB", self.gpus)
        return f"{self.name}: {', '.join(part for part in parts if part)}"


@dataclass(frozen=True)
class Price:
    """USD per hour of one instance.

    `region` is the region of the price, which may differ from the requested one. `asked`: the price
    is from AWS's Pricing API.
    """

    usd: float
    region: str
    date: str
    source: str
    asked: bool

    @property
    def origin(self) -> str:
        """Return the source of the price in a sentence."""
        if self.asked:
            return f"AWS list price for {self.region}, {self.date}."
        return (
            f"Approximate list price for {self.region}, {self.date}. Refresh it for your region on "
            "the AWS page."
        )


@dataclass(frozen=True)
class Estimate:
    """A cost in USD: per hour, and at most, if there is a time limit.

    None if no price is known.
    """

    per_hour: float | None
    at_most: float | None
    price: Price | None

    @property
    def words(self) -> str:
        if self.per_hour is None or self.price is None:
            return "No price is known for this instance type. Refresh the prices on the AWS page."
        words = f"{money(self.per_hour)} per hour"
        if self.at_most is not None:
            words += f", at most {money(self.at_most)}"
        return words


def refreshed_file() -> Path:
    return settings.home() / "aws-prices.json"


def instances() -> dict[str, Instance]:
    """Return the known instance types, cheaper families first."""
    return {name: Instance(name, **facts) for name, facts in _shipped()["instances"].items()}


def hourly(instance_type: str, use: str, region: str) -> Price | None:
    """Return the hourly price of an instance; the price in USUAL_REGION if this region's is
    unknown; None if both are."""
    for wanted in dict.fromkeys((region, USUAL_REGION)):
        if found := _refreshed(instance_type, use, wanted) or _from_table(instance_type, wanted):
            return found
    return None


def estimate(
    instance_type: str,
    use: str,
    region: str,
    *,
    count: int = 1,
    seconds: float = 0,
    jobs: int = 1,
    parallel: int = 1,
) -> Estimate:
    """Return the cost of `jobs` jobs of at most `seconds` (0: no limit) on `count` instances each,
    `parallel` of them at a time."""
    price = hourly(instance_type, use, region)
    if price is None:
        return Estimate(None, None, None)
    at_most = None
    if seconds:
        at_most = price.usd * count * jobs * seconds / HOUR
    return Estimate(price.usd * count * parallel, at_most, price)


def serverless(memory_mb: int, seconds: float = 1.0) -> float:
    """Return USD for `seconds` of inference with this much memory; idle time is free.

    From the shipped table, whatever the region.
    """
    return float(_shipped()["serverless"]["usd_per_gb_second"]) * memory_mb / 1024 * seconds


def serverless_origin() -> str:
    """Return the source of the serverless price in a sentence."""
    return f"Approximate list price, {_shipped()['date']}."


def date_of(region: str) -> tuple[str, bool]:
    """Return the date of a region's prices, and whether they are from AWS's Pricing API."""
    if asked := _asked().get(region):
        return str(asked["date"]), True
    return str(_shipped()["date"]), False


def refresh(client: Any, region: str) -> int:
    """Update the prices of all known instance types in `region` from the Pricing API; return the
    number of prices.

    `client` is boto3's client of "pricing". Raises boto3's errors.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(
            zip(
                instances(),
                pool.map(lambda name: _asked_for(client, name, region), instances()),
                strict=True,
            )
        )
    known = {name: uses for name, uses in found.items() if uses}
    if known:
        now = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "usd": known}
        with files.locked(settings.home(), "home"):
            files.write_json(refreshed_file(), {**_asked(), region: now})
        _read.cache_clear()
    return sum(map(len, known.values()))


def money(usd: float | None) -> str:
    """Return an amount in USD, rounded to what its accuracy allows."""
    if usd is None:
        return "unknown"
    if usd == 0:
        return "0 USD"
    if usd < 0.01:
        return "< 0.01 USD"
    if usd < 1:
        return f"{usd:,.3f} USD"
    return f"{usd:,.2f} USD"


def _from_table(instance_type: str, region: str) -> Price | None:
    table = _shipped()
    entry = table["regions"].get(region, {}).get(instance_type)
    if not entry:
        return None
    return Price(
        float(entry["usd"]),
        region,
        str(table["date"]),
        table["sources"][entry["source"]],
        asked=False,
    )


def _refreshed(instance_type: str, use: str, region: str) -> Price | None:
    table = _asked().get(region) or {}
    usd = table.get("usd", {}).get(instance_type, {}).get(use)
    if usd is None:
        return None
    return Price(float(usd), region, str(table["date"]), "Pricing API", asked=True)


def _asked_for(client: Any, instance_type: str, region: str) -> dict[str, float]:
    """Return USD per hour by use, as the Pricing API lists it for one instance type."""
    wanted = {"productFamily": "ML Instance", "regionCode": region, "instanceName": instance_type}
    filters = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()
    ]
    found: dict[str, float] = {}
    for page in client.get_paginator("get_products").paginate(
        ServiceCode="AmazonSageMaker", Filters=filters
    ):
        for text in page["PriceList"]:
            found |= _uses_in(json.loads(text))
    return found


def _uses_in(product: Mapping[str, Any]) -> dict[str, float]:
    attributes = product["product"]["attributes"]
    names = (attributes.get("platoinstancetype", ""), attributes.get("component", ""))
    use = next((API_USES[name] for name in names if name in API_USES), None)
    usd = next(_hourly_usd(product.get("terms", {}).get("OnDemand", {}).values()), None)
    if use is None or usd is None:
        return {}
    return {use: usd}


def _hourly_usd(terms: Iterable[Mapping[str, Any]]) -> Iterator[float]:
    for term in terms:
        for dimension in term["priceDimensions"].values():
            usd = float(dimension["pricePerUnit"].get("USD", 0))
            if usd > 0:
                yield usd


@lru_cache(maxsize=1)
def _shipped() -> Json:
    return dict(files.read_json(SHIPPED))


def _asked() -> Json:
    """Return the refreshed tables by region; empty if there are none or they can't be read: then
    the shipped table is used."""
    path = refreshed_file()
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> Json:
    found = files.read_json(path)
    if not isinstance(found, dict) or not all(
        isinstance(table, dict) and {"date", "usd"} <= set(table) for table in found.values()
    ):
        raise ValueError(f"{path} is not a price table")
    return found
