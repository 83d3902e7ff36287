"""The prices behind all cost estimates, their source, and the button that refreshes them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.aws import account as accounts
from core.aws import connection, prices
from ui import messages
from ui.text import count, plain

# Wide enough for the longest names, which would be cut otherwise.
COLUMNS = {
    **dict.fromkeys(prices.USES, st.column_config.NumberColumn(format="%.3f")),
    "instance type": st.column_config.TextColumn(width=160),
    "GPU": st.column_config.TextColumn(width=90),
    "source": st.column_config.TextColumn(width=240),
}


def show() -> None:
    """Draw one row per instance type, for the account's region."""
    region = accounts.load().region or prices.USUAL_REGION
    date, asked = prices.date_of(region)
    source = f"Approximate list prices, {date}. Refresh for your region."
    if asked:
        source = f"AWS list prices, {date}."
    st.markdown(
        f"{source} USD per hour and instance in {plain(region)}, without storage, data transfer "
        "and tax."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Refresh from AWS", key="aws_refresh_prices", icon=":material/refresh:"):
            _refresh(region)
        st.caption(
            "Needs credentials with pricing:GetProducts. Takes a few seconds.",
            width="content",
        )
    st.dataframe(
        pd.DataFrame(_rows(region)),
        hide_index=True,
        height="content",
        column_config=COLUMNS,
        alt=f"Prices of instance types in {region}",
    )
    st.markdown(
        f"A serverless endpoint costs {prices.serverless(1024, 3600):.3f} USD per hour of "
        "inference with 1 GB of memory, and nothing while idle. "
        f"{plain(prices.serverless_origin())} A refresh does not update it."
    )


def _rows(region: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for instance in prices.instances().values():
        found = {use: prices.hourly(instance.name, use, region) for use in prices.USES}
        first = next((price for price in found.values() if price), None)
        rows.append(
            {
                "instance type": instance.name,
                "vCPU": instance.vcpus,
                "GB": instance.memory_gb,
                "GPU": instance.gpus,
                **{use: price.usd if price else None for use, price in found.items()},
                "source": _source(first, region),
            }
        )
    return rows


def _source(price: prices.Price | None, region: str) -> str:
    """Return the source of a row's price in a few words."""
    if price is None:
        return "unknown"
    words = f"approximate, {price.date}"
    if price.asked:
        words = f"AWS, {price.date}"
    if price.region != region:
        words = f"{price.region}, {words}"
    return words


def _refresh(region: str) -> None:
    with (
        messages.report_errors(),
        st.spinner("Asking AWS"),
        connection.translate_errors("asking for prices"),
    ):
        client = connection.client("pricing", region=prices.API_REGIONS[0])
        found = prices.refresh(client, region)
        if found:
            st.toast(f"Updated {count(found, 'price')}.", icon=":material/check:")
            st.rerun()
        st.warning(
            f"AWS lists no prices for {plain(region)}. The table is unchanged.",
            icon=":material/warning:",
        )
