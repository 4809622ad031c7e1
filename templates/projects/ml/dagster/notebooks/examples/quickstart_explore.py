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

    A notebook beside Dagster code imports it as Dagster does. This one runs the job `train` in its
    own process: quick, and not recorded in Dagster.
    """)
    return


@app.cell
def controls(mo):
    trees = mo.ui.slider(5, 200, step=5, value=20, label="Trees", show_value=True)
    trees
    return (trees,)


@app.cell
def run(defs, dg, trees):
    config = {"ops": {"model": {"config": {"trees": trees.value}}}}
    with dg.instance_for_test() as instance:
        job = defs.resolve_job_def("train")
        result = job.execute_in_process(run_config=config, instance=instance)
        evaluation = result.output_for_node("evaluation")
    return (evaluation,)


@app.cell
def metrics(evaluation, mo):
    mo.hstack([mo.stat(f"{value:.3f}", label=name) for name, value in evaluation.items()])
    return


if __name__ == "__main__":
    app.run()
