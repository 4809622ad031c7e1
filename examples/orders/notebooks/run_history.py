import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="What has run")


@app.cell
def imports():
    import json
    import os
    import urllib.request

    import marimo as mo

    return json, mo, os, urllib


@app.cell
def ask(json, os, urllib):
    def ask_dagster(query):
        """Return the data of a GraphQL query; nothing where there is no server to ask."""
        url = os.environ.get("DAGLAB_DAGSTER_URL")
        if url is None:
            return None
        request = urllib.request.Request(
            f"{url}/graphql",
            data=json.dumps({"query": query}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["data"]

    return (ask_dagster,)


@app.cell
def runs(ask_dagster):
    data = ask_dagster("{ runsOrError { ... on Runs { results { jobName status } } } }")
    return (data,)


@app.cell
def show(data, mo):
    if data is None:
        shown = mo.md("There is no Dagster to ask: set `DAGLAB_DAGSTER_URL`.")
    else:
        shown = mo.ui.table(data["runsOrError"]["results"], selection=None)
    shown
    return


if __name__ == "__main__":
    app.run()
