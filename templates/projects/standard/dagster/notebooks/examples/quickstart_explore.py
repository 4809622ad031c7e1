import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Quickstart")


@app.cell
def imports():
    import dagster as dg
    import marimo as mo

    from definitions import defs

    return defs, dg, mo


@app.cell
def title(mo):
    mo.md("""
    # Quickstart

    A notebook beside Dagster code imports it as Dagster does. This one runs the job `daily_shop`
    for one day in its own process: quick, and not recorded in Dagster.
    """)
    return


@app.cell
def controls(mo):
    day = mo.ui.dropdown(
        [f"2026-01-{number:02}" for number in range(5, 12)], "2026-01-05", label="Day"
    )
    day
    return (day,)


@app.cell
def run(day, defs, dg):
    with dg.instance_for_test() as instance:
        job = defs.resolve_job_def("daily_shop")
        result = job.execute_in_process(partition_key=day.value, instance=instance)
        revenue = result.output_for_node("daily_revenue")
    return result, revenue


@app.cell
def checks(mo, result):
    passed = [check.passed for check in result.get_asset_check_evaluations()]
    mo.md(f"{sum(passed)} of {len(passed)} asset checks passed.")
    return


@app.cell
def table(mo, revenue):
    mo.ui.table(revenue, selection=None)
    return


if __name__ == "__main__":
    app.run()
