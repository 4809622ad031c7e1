"""The report, with the days it is about."""

from datetime import timedelta

import dagster as dg

from assets.report import ReportConfig

weekly_summary = dg.define_asset_job(
    "weekly_summary",
    selection=dg.AssetSelection.groups("reports"),
    config=dg.RunConfig(ops={"weekly_report": ReportConfig(first_day="2026-01-05", days=7)}),
)


@dg.schedule(job=weekly_summary, cron_schedule="0 6 * * 1")
def weekly_summary_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """On Mondays, the week before."""
    first_day = context.scheduled_execution_time.date() - timedelta(days=7)
    report = ReportConfig(first_day=first_day.isoformat(), days=7)
    return dg.RunRequest(run_config=dg.RunConfig(ops={"weekly_report": report}))
