"""The prices that estimates are made with, where they are from, and the button that asks AWS for
newer ones."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.aws import account as accounts
from core.aws import connection, prices
from ui import messages
from ui.text import count, plain


def show() -> None:
    """One row per instance type, for the account's region."""
    region = accounts.load().region or prices.USUAL_REGION
    date, asked = prices.date_of(region)
    origin = f"the table of {date} that ships with the app: approximate, AWS was not asked"
    if asked:
        origin = f"AWS's Pricing API, asked on {date}"
    st.markdown(
        f"Prices for {plain(region)}, USD an hour and instance, from {plain(origin)}. Storage, "
        "data and tax come on top."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Refresh from AWS", key="aws_refresh_prices", icon=":material/refresh:"):
            _refresh(region)
        st.caption(
            "It needs credentials with pricing:GetProducts, and takes a few seconds.",
            width="content",
        )
    st.dataframe(
        pd.DataFrame(_rows(region)),
        hide_index=True,
        height="content",
        column_config=dict.fromkeys(prices.USES, st.column_config.NumberColumn(format="%.3f")),
        alt=f"Prices of instance types in {region}",
    )
    st.markdown(
        f"A serverless endpoint costs {prices.serverless(1024, 3600):.3f} USD for an hour of "
        "answering with 1 GB of memory, and nothing while it is idle "
        f"({plain(prices.serverless_origin())}; the Pricing API is not asked for it)."
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
                "where from": first.origin if first else "not known",
            }
        )
    return rows


def _refresh(region: str) -> None:
    with (
        messages.report_errors(),
        st.spinner("Asking AWS"),
        connection.translate_errors("asking for prices"),
    ):
        client = connection.client("pricing", region=prices.API_REGIONS[0])
        found = prices.refresh(client, region)
        if found:
            st.toast(f"{count(found, 'price')} came.", icon=":material/check:")
            st.rerun()
        st.warning(
            f"AWS lists no price for {plain(region)}; the table stays as it is.",
            icon=":material/warning:",
        )
