"""The assets: from the shop's export to what is reported."""

import pandas as pd
from dagster import (
    AssetExecutionContext,
    Config,
    DailyPartitionsDefinition,
    MetadataValue,
    asset,
)

from orders import shop

DAYS = DailyPartitionsDefinition(start_date="2026-01-01", end_date="2026-01-15")


class CleaningConfig(Config):
    """How orders are cleaned."""

    min_total: float = 0.0


def _describe(context: AssetExecutionContext, table: pd.DataFrame) -> pd.DataFrame:
    preview = table.head().to_string(index=False)
    context.add_output_metadata(
        {"rows": len(table), "preview": MetadataValue.md(f"```\n{preview}\n```")}
    )
    return table


@asset(group_name="ingest")
def raw_orders(context: AssetExecutionContext) -> pd.DataFrame:
    """The shop's export as it is."""
    return _describe(context, shop.read_orders())


@asset(group_name="core")
def orders(
    context: AssetExecutionContext, config: CleaningConfig, raw_orders: pd.DataFrame
) -> pd.DataFrame:
    """Orders without repeated rows and refunds."""
    return _describe(context, shop.clean_orders(raw_orders, config.min_total))


@asset(group_name="core", partitions_def=DAYS)
def daily_orders(context: AssetExecutionContext) -> pd.DataFrame:
    """The orders of one day, read from the export so that a day can be made on its own."""
    cleaned = shop.clean_orders(shop.read_orders())
    return _describe(context, shop.orders_of_day(cleaned, context.partition_key))


@asset(group_name="reporting")
def revenue_by_country(context: AssetExecutionContext, orders: pd.DataFrame) -> pd.DataFrame:
    """Revenue by country, the largest first."""
    return _describe(context, shop.revenue_by_country(orders))


@asset(group_name="reporting")
def customer_segments(context: AssetExecutionContext, orders: pd.DataFrame) -> pd.DataFrame:
    """Customers by how often they ordered."""
    return _describe(context, shop.customer_segments(orders))
