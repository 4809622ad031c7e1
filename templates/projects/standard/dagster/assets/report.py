"""What a week looked like."""

from datetime import date, timedelta

import dagster as dg
import pandas as pd
from pydantic import Field

from resources.order_source import OrderSource

from .shop import revenue_by_product


class ReportConfig(dg.Config):
    """Which days are in the report."""

    first_day: str = Field(default="2026-01-05", description="The first day, YYYY-MM-DD")
    days: int = Field(default=7, ge=1, le=31, description="How many days")


def report_of(config: ReportConfig, order_source: OrderSource) -> pd.DataFrame:
    """The report, wherever it is asked for."""
    first = date.fromisoformat(config.first_day)
    days = [(first + timedelta(days=number)).isoformat() for number in range(config.days)]
    return revenue_by_product(pd.concat([order_source.fetch(day) for day in days]))


# Any days can be in it, also those that no run has made: it asks the source, and depends on no asset.
@dg.asset(group_name="reports", kinds={"pandas"})
def weekly_report(config: ReportConfig, order_source: OrderSource) -> pd.DataFrame:
    """Pieces and revenue of each product over some days."""
    return report_of(config, order_source)


@dg.asset_check(asset=weekly_report)
def report_is_not_empty(weekly_report: pd.DataFrame) -> dg.AssetCheckResult:
    """Something was sold."""
    total = float(weekly_report["revenue"].sum())
    return dg.AssetCheckResult(passed=total > 0, metadata={"revenue": total})
