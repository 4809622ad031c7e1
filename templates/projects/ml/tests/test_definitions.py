import dagster as dg

from definitions import defs


def test_definitions_load() -> None:
    dg.Definitions.validate_loadable(defs)


def test_training_passes_its_checks() -> None:
    config = {"ops": {"model": {"config": {"trees": 20}}}}
    result = defs.resolve_job_def("train").execute_in_process(run_config=config)

    assert result.success
    assert result.output_for_node("evaluation")["roc_auc"] > 0.95
    assert all(check.passed for check in result.get_asset_check_evaluations())
