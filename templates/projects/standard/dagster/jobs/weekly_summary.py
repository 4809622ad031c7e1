"""The report, with the days it is about."""

import dagster as dg

from assets.report import ReportConfig

weekly_summary = dg.define_asset_job(
    "weekly_summary",
    selection=dg.AssetSelection.groups("reports"),
    config=dg.RunConfig(ops={"weekly_report": ReportConfig(first_day="2026-01-05", days=7)}),
)
