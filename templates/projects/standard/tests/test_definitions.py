from datetime import datetime

import dagster as dg
import pandas as pd

from definitions import defs


def test_definitions_load() -> None:
    dg.Definitions.validate_loadable(defs)


def test_a_day_is_made_and_its_checks_pass() -> None:
    job = defs.resolve_job_def("daily_shop")
    result = job.execute_in_process(partition_key="2026-01-05")

    assert result.success
    assert isinstance(result.output_for_node("daily_revenue"), pd.DataFrame)
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True]


def test_the_report_takes_its_days_from_the_config() -> None:
    job = defs.resolve_job_def("weekly_summary")
    config = {"ops": {"weekly_report": {"config": {"first_day": "2026-02-02", "days": 2}}}}
    result = job.execute_in_process(run_config=config)

    assert result.success
    assert result.output_for_node("weekly_report")["quantity"].sum() > 0


def test_on_mondays_the_report_is_about_the_week_before() -> None:
    schedule = defs.get_repository_def().get_schedule_def("weekly_summary_schedule")
    tick = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 1, 12, 6, 0))
    requests = schedule.evaluate_tick(tick).run_requests or []

    configs = [request.run_config["ops"]["weekly_report"]["config"] for request in requests]
    assert configs == [{"first_day": "2026-01-05", "days": 7}]


def test_every_tick_of_the_daily_schedule_makes_the_day_before() -> None:
    schedule = defs.get_repository_def().get_schedule_def("daily_shop_schedule")
    tick = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 1, 6, 3, 0))
    requests = schedule.evaluate_tick(tick).run_requests

    assert schedule.cron_schedule == "0 3 * * *"
    assert [request.partition_key for request in requests or []] == ["2026-01-05"]
