import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Quickstart")


@app.cell
def imports():
    import marimo as mo

    from definitions import defs

    return defs, mo


@app.cell
def title(mo):
    mo.md("""
    # Quickstart

    A notebook beside Dagster code imports it as Dagster does. These are the assets of the project,
    as Dagster has loaded them:
    """)
    return


@app.cell
def assets(defs, mo):
    rows = [
        {
            "asset": spec.key.to_user_string(),
            "group": spec.group_name,
            "depends on": ", ".join(dep.asset_key.to_user_string() for dep in spec.deps),
            "description": spec.description,
        }
        for spec in defs.resolve_all_asset_specs()
    ]
    mo.ui.table(rows, selection=None)
    return


@app.cell
def next_steps(mo):
    mo.md("""
    - `daglab run --ephemeral --job weekly_summary` runs a job without a server.
    - `daglab scaffold` writes a notebook for an asset or a job.
    - `daglab ci` runs everything that a pull request is checked for.
    """)
    return


if __name__ == "__main__":
    app.run()
