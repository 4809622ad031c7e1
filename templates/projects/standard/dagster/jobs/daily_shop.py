"""What is made every day."""

import dagster as dg

daily_shop = dg.define_asset_job("daily_shop", selection=dg.AssetSelection.groups("shop"))

daily_shop_schedule = dg.build_schedule_from_partitioned_job(daily_shop, hour_of_day=3)
