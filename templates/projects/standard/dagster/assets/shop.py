"""The orders of each day, and what they come to."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from resources.order_source import OrderSource

daily = dg.DailyPartitionsDefinition(start_date="2026-01-01")


def revenue_by_product(orders: pd.DataFrame) -> pd.DataFrame:
    """Pieces and revenue of each product, the largest revenue first."""
    totals = orders.assign(revenue=orders["quantity"] * orders["price"])
    by_product = totals.groupby("product", as_index=False)[["quantity", "revenue"]].sum()
    return by_product.sort_values("revenue", ascending=False, ignore_index=True)


def missing_values(orders: pd.DataFrame) -> int:
    """How many fields are empty."""
    return int(orders.isna().sum().sum())


@dg.asset(
    partitions_def=daily,
    group_name="shop",
    kinds={"pandas"},
    check_specs=[dg.AssetCheckSpec("no_missing_values", asset="orders")],
)
def orders(
    context: dg.AssetExecutionContext, order_source: OrderSource
) -> Iterator[dg.Output[pd.DataFrame] | dg.AssetCheckResult]:
    """The orders of a day."""
    rows = order_source.fetch(context.partition_key)
    yield dg.Output(
        rows, metadata={"dagster/row_count": len(rows), "preview": rows.head().to_string()}
    )
    missing = missing_values(rows)
    yield dg.AssetCheckResult(
        check_name="no_missing_values", passed=missing == 0, metadata={"missing": missing}
    )


@dg.asset(partitions_def=daily, group_name="shop", kinds={"pandas"})
def daily_revenue(
    context: dg.AssetExecutionContext, orders: pd.DataFrame
) -> dg.MaterializeResult[pd.DataFrame]:
    """What each product brought in on a day."""
    revenue = revenue_by_product(orders)
    total = float(revenue["revenue"].sum())
    context.log.info(f"{len(orders)} orders come to {total:.2f}")
    return dg.MaterializeResult(value=revenue, metadata={"total": total})
