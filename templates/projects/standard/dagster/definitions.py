"""All that Dagster loads."""

import os
import sys
from pathlib import Path

# This folder is no package. Its modules are found wherever Dagster was started.
sys.path.insert(0, str(Path(__file__).parent))

import dagster as dg

from assets import report, shop
from jobs.daily_shop import daily_shop, daily_shop_schedule
from jobs.weekly_report import weekly_report_job
from resources.order_source import OrderSource

# An EnvVar is read when a run starts, and has no default of its own.
configured = "ORDERS_PER_DAY" in os.environ
order_source = (
    OrderSource(orders_per_day=dg.EnvVar.int("ORDERS_PER_DAY")) if configured else OrderSource()
)

defs = dg.Definitions(
    assets=dg.load_assets_from_modules([shop, report]),
    asset_checks=dg.load_asset_checks_from_modules([report]),
    jobs=[daily_shop, weekly_report_job],
    schedules=[daily_shop_schedule],
    resources={"order_source": order_source},
)
