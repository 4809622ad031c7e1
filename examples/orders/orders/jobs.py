"""The jobs: build the assets, and refresh a report of three steps."""

import pandas as pd
from dagster import (
    AssetSelection,
    Config,
    OpExecutionContext,
    ScheduleDefinition,
    define_asset_job,
    job,
    op,
)

from orders import shop
from orders.checks import orders_are_sound

# The notebooks' checks get their verdicts from `daglab ci`, which runs the notebooks anyway.
build_orders = define_asset_job(
    "build_orders",
    AssetSelection.all().without_checks()
    - AssetSelection.assets("daily_orders")
    | AssetSelection.checks(orders_are_sound),
)


class ReportConfig(Config):
    """What the report is about."""

    countries: list[str]
    top: int = 3


@op
def collect() -> pd.DataFrame:
    """Read and clean the orders."""
    return shop.clean_orders(shop.read_orders())


@op
def rank(context: OpExecutionContext, config: ReportConfig, orders: pd.DataFrame) -> pd.DataFrame:
    """Find the best products of the countries that were asked for."""
    chosen = orders[orders["country"].isin(config.countries)]
    best = chosen.groupby("product")["total"].sum().nlargest(config.top)
    context.log.info("ranked %s orders", len(chosen))
    return best.reset_index()


@op
def publish(context: OpExecutionContext, ranking: pd.DataFrame) -> None:
    """Say what was found; a real shop would send it somewhere."""
    context.log.info("the best products:\n%s", ranking.to_string(index=False))


@job
def refresh_report() -> None:
    """Rank products by revenue."""
    publish(rank(collect()))


every_morning = ScheduleDefinition(job=build_orders, cron_schedule="0 6 * * *")
