import dagster as dg

from definitions import defs


def test_definitions_load() -> None:
    dg.Definitions.validate_loadable(defs)


def test_refresh_makes_every_asset_and_its_checks_pass() -> None:
    result = defs.resolve_job_def("refresh").execute_in_process()

    assert result.success
    assert result.output_for_node("daily_revenue") == {
        "2026-01-05": 12.2,
        "2026-01-06": 16.2,
        "2026-01-07": 12.8,
    }
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True]
