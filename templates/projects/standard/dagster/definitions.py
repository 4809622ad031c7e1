"""All that Dagster loads."""

import os
import sys
from pathlib import Path

# This folder is no package. Its modules are found wherever Dagster was started.
sys.path.insert(0, str(Path(__file__).parent))

import dagster as dg

from assets import report, shop
from jobs.daily_shop import daily_shop, daily_shop_schedule
from jobs.weekly_summary import weekly_summary, weekly_summary_schedule
from resources.order_source import OrderSource

# Read when the definitions are loaded. An EnvVar would be read when a run starts, but has no default.
order_source = OrderSource(orders_per_day=int(os.getenv("ORDERS_PER_DAY") or 20))

defs = dg.Definitions(
    assets=dg.load_assets_from_modules([shop, report]),
    asset_checks=dg.load_asset_checks_from_modules([report]),
    jobs=[daily_shop, weekly_summary],
    schedules=[daily_shop_schedule, weekly_summary_schedule],
    resources={"order_source": order_source},
)
