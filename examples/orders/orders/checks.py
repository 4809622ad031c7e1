"""What must hold for the assets, and the verdicts of their notebooks."""

import pandas as pd
from dagster import AssetCheckResult, AssetChecksDefinition, asset_check

from orders.assets import orders


@asset_check(asset=orders, description="Every order is there once, and none is free.")
def orders_are_sound(orders: pd.DataFrame) -> AssetCheckResult:
    """Look for repeated ids and totals that are not above zero."""
    repeated = int(orders["order_id"].duplicated().sum())
    free = int((orders["total"] <= 0).sum())
    return AssetCheckResult(
        passed=repeated == 0 and free == 0, metadata={"repeated": repeated, "free": free}
    )


def notebook_checks() -> list[AssetChecksDefinition]:
    """Declare the checks that carry the notebooks' verdicts; none where daglab is not installed."""
    try:
        from daglab.helpers import notebook_check
    except ImportError:
        return []
    return [
        notebook_check("orders", "notebooks/orders_explore.py"),
        notebook_check("revenue_by_country", "notebooks/revenue_report.py"),
        notebook_check("customer_segments", "notebooks/customer_segments.py"),
        notebook_check("daily_orders", "notebooks/daily_orders.py"),
    ]
