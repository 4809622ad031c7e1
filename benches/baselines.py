"""What a user does without daglab, as command lines and scripts."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

# What a user would ask for, as the documentation of Dagster's GraphQL has it.
FIELDS = """
query Discovery {
  repositoriesOrError {
    ... on RepositoryConnection {
      nodes {
        name
        location { name }
        jobs { name description isAssetJob tags { key value } }
        schedules { name cronSchedule executionTimezone pipelineName scheduleState { status } }
        sensors { name sensorType targets { pipelineName } sensorState { status } }
        assetNodes {
          assetKey { path }
          groupName
          description
          isExecutable
          isObservable
          jobNames
          dependencyKeys { path }
          partitionDefinition { dimensionTypes { type } }
          hasAssetChecks
          tags { key value }
          owners { ... on UserAssetOwner { email } ... on TeamAssetOwner { team } }
          kinds
        }
      }
    }
  }
}
"""

_CLIENT = """import json
import sys

from dagster_graphql import DagsterGraphQLClient

port, query, variables = sys.argv[1:]
client = DagsterGraphQLClient("127.0.0.1", port_number=int(port))
json.dump(client._execute(open(query).read(), json.loads(variables)), sys.stdout, indent=2)
"""

_CLI = """import click
import requests
from rich.console import Console
from rich.table import Table


@click.command()
@click.option("--port", default=3000)
@click.option("--query", type=click.File())
def discover(port, query):
    answer = requests.post(f"http://127.0.0.1:{port}/graphql", json={"query": query.read()})
    answer.raise_for_status()
    table = Table("asset", "group", "kinds", "partitions", "deps", "tags", "owners")
    for repository in answer.json()["data"]["repositoriesOrError"]["nodes"]:
        for asset in repository["assetNodes"]:
            by = asset["partitionDefinition"]
            table.add_row(
                "/".join(asset["assetKey"]["path"]),
                asset["groupName"],
                ", ".join(asset["kinds"]),
                " × ".join(it["type"] for it in by["dimensionTypes"]) if by else "",
                str(len(asset["dependencyKeys"])),
                " ".join(f"{tag['key']}={tag['value']}" for tag in asset["tags"]),
                ", ".join(owner.get("email") or owner["team"] for owner in asset["owners"]),
            )
    Console(width=200).print(table)


discover()
"""


def notebooks(folder: Path, paths: list[str]) -> list[str]:
    """Export notebooks, two at a time."""
    (folder / "exported").mkdir(exist_ok=True)
    names = "".join(f"{Path(path).stem}\n" for path in paths)
    (folder / "names").write_text(names)
    export = "marimo export html notebooks/{}.py -o exported/{}.html -f --no-sandbox"
    return ["bash", "-c", f"xargs -P2 -I{{}} {export} <names"]


def jobs(folder: Path, names: list[str], *, in_process: bool) -> list[str]:
    """Execute jobs, two at a time; `in_process` is what a user gets who knows that option."""
    (folder / "names").write_text("".join(f"{name}\n" for name in names))
    execute = "dagster job execute -f definitions.py -j {}"
    if in_process:
        config: dict[str, Any] = {"execution": {"config": {"in_process": {}}}}
        (folder / "in_process.yaml").write_text(json.dumps(config))
        execute += " -c in_process.yaml"
    return ["bash", "-c", f"xargs -P2 -I{{}} {execute} <names"]


def discovery(folder: Path, python: Path, port: int, request: str) -> dict[str, list[str]]:
    """List a server's items by dagster-graphql's client and by a CLI; `request` is daglab's."""
    (folder / "fields.graphql").write_text(FIELDS)
    (folder / "request.graphql").write_text(request)
    (folder / "client.py").write_text(_CLIENT)
    (folder / "cli.py").write_text(_CLI)
    everything = json.dumps(dict.fromkeys(("assets", "jobs", "schedules", "sensors"), True))
    client = [str(python), "client.py", str(port)]
    return {
        "client": [*client, "fields.graphql", "{}"],
        "request": [*client, "request.graphql", everything],
        "cli": [str(python), "cli.py", "--port", str(port), "--query", "fields.graphql"],
    }


def script(folder: Path, plan: dict[str, Any], port: int) -> str:
    """Write the steps of a plan as a CI script has them: one command after another."""
    target = _target(folder)
    lines = [
        "#!/usr/bin/env bash",
        "set -euo pipefail",
        "mkdir -p exported home",
        'export DAGSTER_HOME="$PWD/home"',
        "touch home/dagster.yaml",
        f"dagster definitions validate {target}",
    ]
    notebooks = [notebook for notebook in plan["notebooks"] if not notebook["skip"]]
    served = any(notebook["needs_dagster"] for notebook in notebooks)
    for number, run in enumerate(plan["runs"]):
        lines.append(_run(run, target, folder, number))
    if served:
        url = f"http://127.0.0.1:{port}"
        lines += [
            f"dagster-webserver {target} -h 127.0.0.1 -p {port} &",
            "server=$!",
            "trap 'kill $server' EXIT",
            f"until curl -sf {url}/server_info >/dev/null; do sleep 0.05; done",
            f"export DAGLAB_DAGSTER_URL={url}",
        ]
    if plan["check"]:
        lines.append(shlex.join(["marimo", "check", *(n["path"] for n in notebooks)]))
    for notebook in notebooks:
        page = f"exported/{notebook['slug']}.html"
        command = ["marimo", "export", "html", notebook["path"], "-o", page, "-f", "--no-sandbox"]
        if notebook["args"]:
            command += ["--", *notebook["args"]]
        lines.append(shlex.join(command))
    return "\n".join(lines) + "\n"


def _run(run: dict[str, Any], target: str, folder: Path, number: int) -> str:
    config = f"run_config_{number}.yaml"
    if run["run_config"]:
        (folder / config).write_text(json.dumps(run["run_config"]))
    job = run["selection"].get("job")
    if job is None or job["assets"]:
        selectors = job["assets"] if job else run["selection"]["assets"]
        command = f"dagster asset materialize {target} --select {shlex.quote(','.join(selectors))}"
        if run["partition"]:
            command += f" --partition {shlex.quote(run['partition'])}"
        if run["run_config"]:
            command += f' --config-json "$(cat {config})"'
        return command
    command = f"dagster job execute {target} -j {shlex.quote(job['name'])}"
    tags = dict(run["tags"])
    if run["partition"]:
        tags["dagster/partition"] = run["partition"]
    if tags:
        command += f" --tags {shlex.quote(json.dumps(tags))}"
    if run["run_config"]:
        command += f" -c {config}"
    return command


def _target(folder: Path) -> str:
    """Find the option that names the project's code location."""
    for name in ("pyproject.toml", "dg.toml"):
        if (folder / name).exists():
            found = re.search(r'^module_name\s*=\s*"([\w.]+)"', (folder / name).read_text(), re.M)
            if found:
                return f"-m {found[1]}"
    return "-f definitions.py"
