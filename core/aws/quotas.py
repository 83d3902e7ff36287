"""The check of the account's quotas: whether SageMaker would give a job its instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.aws.account import Account
from core.aws.checks import Check, MakeClient, Verdict

NAME = "Quotas"
SERVERLESS_MEMORY = "Memory size in MB per serverless endpoint"
SERVERLESS_CONCURRENCY = (
    "Maximum total concurrency that can be allocated across all serverless endpoints"
)
# As people with new accounts report them. AWS does not list the memory in every account.
NEW_ACCOUNTS = {SERVERLESS_MEMORY: 3072, SERVERLESS_CONCURRENCY: 10}
PAGES = {"PageSize": 100}
# Values that were set for this account; then AWS's defaults, which count for all others.
_LISTS = ("list_service_quotas", "list_aws_default_service_quotas")


@dataclass(frozen=True)
class Wanted:
    """How much of a quota a job would use; `image` is the container image that its role pulls."""

    quota: str
    needed: int = 1
    image: str = ""


def instances(instance_type: str, usage: str, count: int = 1, image: str = "") -> Wanted:
    """Return what instances use. `usage` is part of the quota's name: training job, spot training
    job, transform job or endpoint."""
    return Wanted(f"{instance_type} for {usage} usage", count, image)


class _Quota(NamedTuple):
    value: float
    code: str


def check(account: Account, client: MakeClient, wanted: Sequence[Wanted]) -> Check:
    """Check the quota of everything wanted that not every account has; each has a line in the
    finding."""
    wanted = [item for item in wanted if item.needed > NEW_ACCOUNTS.get(item.quota, 0)]
    if not wanted:
        return Check(NAME, Verdict.GOOD, "Within the quotas of new accounts.")
    found = _values(client("service-quotas"), {item.quota for item in wanted})
    missing = [item for item in wanted if item.quota not in found]
    short = [
        item for item in wanted if item.quota in found and found[item.quota].value < item.needed
    ]
    lines = [
        f"{item.quota}: {found[item.quota].value:.0f}" for item in wanted if item not in missing
    ]
    lines += [f"{item.quota}: not listed" for item in missing]
    words = "; ".join(lines) + "."
    if short:
        places = [f"{item.quota}: {_page(account, found[item.quota].code)}" for item in short]
        return Check(NAME, Verdict.BAD, words, _advice(short), "\n".join(places))
    if missing:
        return Check(NAME, Verdict.UNSURE, words, _unlisted(missing))
    return Check(NAME, Verdict.GOOD, words)


def _advice(short: Sequence[Wanted]) -> str:
    """Return what to do about quotas that are too small."""
    return (
        f"Requested: {', '.join(str(item.needed) for item in short)}. New accounts have small "
        "quotas, often 0. Choose less or another type, or request an increase (free; takes "
        "minutes to days):"
    )


def _unlisted(missing: Sequence[Wanted]) -> str:
    """Return what is known about quotas that AWS does not list."""
    for item in missing:
        usual = NEW_ACCOUNTS.get(item.quota, item.needed)
        if item.needed > usual:
            return (
                f"New accounts have {usual}, and {item.needed} are requested. If AWS refuses the "
                "endpoint, choose less, or ask AWS Support for an increase."
            )
    return "AWS does not list a quota for it in this region."


def _values(client: Any, names: set[str]) -> dict[str, _Quota]:
    """Return each quota by name; the lists have thousands of entries, so it stops early."""
    found: dict[str, _Quota] = {}
    for operation in _LISTS:
        paginator = client.get_paginator(operation)
        for page in paginator.paginate(ServiceCode="sagemaker", PaginationConfig=PAGES):
            for quota in page["Quotas"]:
                if quota["QuotaName"] in names:
                    value = _Quota(float(quota["Value"]), str(quota["QuotaCode"]))
                    found.setdefault(quota["QuotaName"], value)
            if len(found) == len(names):
                return found
    return found


def _page(account: Account, code: str) -> str:
    console = f"https://{account.region}.console.aws.amazon.com/servicequotas/home"
    return f"{console}/services/sagemaker/quotas/{code}"
