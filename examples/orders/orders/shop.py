"""The shop's orders as tables. No Dagster here, so that notebooks can use it alone."""

from pathlib import Path

import pandas as pd

DATA = Path(__file__).parent.parent / "data" / "orders.csv"


def read_orders() -> pd.DataFrame:
    """Read the shop's export as it is."""
    return pd.read_csv(DATA, parse_dates=["ordered_at"], keep_default_na=False)


def clean_orders(raw: pd.DataFrame, min_total: float = 0.0) -> pd.DataFrame:
    """Drop repeated rows and refunds, add totals, and name what has no country."""
    orders = raw.drop_duplicates("order_id")
    orders = orders[orders["status"] != "refunded"]
    orders = orders.assign(
        total=orders["quantity"] * orders["unit_price"],
        country=orders["country"].replace("", "unknown"),
    )
    return orders[orders["total"] >= min_total].reset_index(drop=True)


def orders_of_day(orders: pd.DataFrame, day: str) -> pd.DataFrame:
    """Return the orders of one day, such as `2026-01-05`."""
    return orders[orders["ordered_at"].dt.strftime("%Y-%m-%d") == day].reset_index(drop=True)


def revenue_by_country(orders: pd.DataFrame) -> pd.DataFrame:
    """Sum up the totals by country, the largest first."""
    sums = orders.groupby("country", as_index=False)["total"].sum()
    return sums.sort_values("total", ascending=False).reset_index(drop=True)


def customer_segments(orders: pd.DataFrame) -> pd.DataFrame:
    """Tell regular customers from occasional ones by how often they ordered."""
    customers = orders.groupby("customer", as_index=False).agg(
        orders=("order_id", "count"), revenue=("total", "sum")
    )
    segment = pd.cut(customers["orders"], [0, 1, 5, 10_000], labels=["once", "some", "regular"])
    return customers.assign(segment=segment.astype(str))
