"""What instances cost: a dated table that ships with the app, and a newer one asked of AWS's
Pricing API where somebody did.

Every price says where it is from. The shipped ones were not asked of AWS and are called approximate
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
# What the Pricing API calls a use, in either of the two attributes that carry it.
API_USES = {
    "Training": "training",
    "Hosting": "hosting",
    "Transform": "transform",
    "BatchTransform": "transform",
    "Batch Transform": "transform",
}
# The region whose price stands in for one that is in no table.
USUAL_REGION = "us-east-1"
# The Pricing API answers in these regions only.
API_REGIONS = ("us-east-1", "ap-south-1", "eu-central-1")
AT_ONCE = 4
HOUR = 3600.0


@dataclass(frozen=True)
class Instance:
    """What a machine of a type has; `gpus` as `1 x T4`, empty for none."""

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
    """USD for an hour of one instance.

    `region` is the one that it is of, which may be another than the one asked for.
    """

    usd: float
    region: str
    date: str
    source: str
    asked: bool

    @property
    def origin(self) -> str:
        """Where the price is from, in words."""
        if self.asked:
            return f"{self.region} price of {self.date}, from AWS's Pricing API"
        return (
            f"approximate {self.region} price, from the table of {self.date} ({self.source}); "
            "refresh it on the AWS page"
        )


@dataclass(frozen=True)
class Estimate:
    """What something will cost: USD for an hour of it, and in all where it has an end.

    None where no price is known.
    """

    per_hour: float | None
    at_most: float | None
    price: Price | None

    @property
    def words(self) -> str:
        if self.per_hour is None or self.price is None:
            return "No price is known for this instance type. Refresh the prices on the AWS page."
        words = f"{money(self.per_hour)} an hour"
        if self.at_most is not None:
            words += f", at most {money(self.at_most)}"
        return words


def refreshed_file() -> Path:
    return settings.home() / "aws-prices.json"


def instances() -> dict[str, Instance]:
    """The machines on offer, the cheaper families first."""
    return {name: Instance(name, **facts) for name, facts in _shipped()["instances"].items()}


def hourly(instance_type: str, use: str, region: str) -> Price | None:
    """The price of an instance; that of USUAL_REGION where this region's is not known, None where
    none is."""
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
    """`jobs` jobs of at most `seconds` (0: no end) on `count` instances each, `parallel` of them at
    once."""
    price = hourly(instance_type, use, region)
    if price is None:
        return Estimate(None, None, None)
    at_most = None
    if seconds:
        at_most = price.usd * count * jobs * seconds / HOUR
    return Estimate(price.usd * count * parallel, at_most, price)


def serverless(memory_mb: int, seconds: float = 1.0) -> float:
    """USD for `seconds` of answering with this much memory; idle time costs nothing.

    From the shipped table, whatever the region.
    """
    return float(_shipped()["serverless"]["usd_per_gb_second"]) * memory_mb / 1024 * seconds


def serverless_origin() -> str:
    return (
        f"approximate, from the table of {_shipped()['date']} "
        f"({_shipped()['serverless']['source']})"
    )


def date_of(region: str) -> tuple[str, bool]:
    """The date of the prices of a region, and whether AWS was asked for them."""
    if asked := _asked().get(region):
        return str(asked["date"]), True
    return str(_shipped()["date"]), False


def refresh(client: Any, region: str) -> int:
    """Ask the Pricing API for every instance type of the table in `region` and keep the answers;
    how many prices came.

    `client` is boto3's for "pricing". Raises what boto3 raises.
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
    """An amount in USD, not more exact than it is."""
    if usd is None:
        return "not known"
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
    """USD an hour by use, as the Pricing API lists it for one instance type."""
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
    """The newer tables by region; empty where nobody asked yet or it can't be read, for the shipped
    one is there."""
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
        raise ValueError(f"{path} is not a table of prices")
    return found
