"""The job that makes everything anew."""

import dagster as dg

refresh = dg.define_asset_job("refresh", selection=dg.AssetSelection.groups("shop"))
