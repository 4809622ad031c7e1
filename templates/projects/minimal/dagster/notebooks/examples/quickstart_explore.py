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

    A notebook beside Dagster code imports it as Dagster does. This one runs the job `refresh` in
    its own process: quick, and not recorded in Dagster.
    """)
    return


@app.cell
def run(defs, dg):
    with dg.instance_for_test() as instance:
        result = defs.resolve_job_def("refresh").execute_in_process(instance=instance)
    return (result,)


@app.cell
def assets(mo, result):
    made = [event.asset_key.to_user_string() for event in result.get_asset_materialization_events()]
    mo.md(f"`refresh` made {len(made)} assets: {', '.join(f'`{name}`' for name in made)}")
    return


if __name__ == "__main__":
    app.run()
