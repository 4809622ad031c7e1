"""Hyperparameters in run config, metrics in metadata, and what both say of a model."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from daglab.helpers import charts
from daglab.helpers.records import records
from daglab.helpers.validation import quoted, validate_yaml_config

if TYPE_CHECKING:
    from daglab.helpers.controls import Choices
    from daglab.helpers.state import NotebookState

__all__ = [
    "chart",
    "compare",
    "comparison",
    "form",
    "metric_names",
    "metrics_of",
    "model_card",
    "parameters_of",
    "sent",
    "shown",
    "to_yaml",
    "written",
]

# More fields than these are no form.
_MOST_FIELDS = 40
_MOST_RUNS = 50
# What has a default is a comment in the skeleton of a run config.
_COMMENTED = re.compile(r"\A# ( *[A-Za-z_]\w*:(?: .*)?)\Z")
_SECTIONS = {"execution", "inputs", "loggers", "ops", "resources"}
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
# YAML reads these as something else than the text.
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "inf", "nan"}


@functools.lru_cache(maxsize=256)
def _parsed(text: str) -> Any:
    result = validate_yaml_config(text)
    return result.value if result.valid else None


def parameters_of(config: str) -> dict[str, Any]:
    """The single values in a run config, by where they stand: `ops.train.config.epochs`."""
    found: dict[str, Any] = {}

    def walk(value: Any, path: tuple[str, ...]) -> None:
        if len(found) >= _MOST_FIELDS:
            return
        if isinstance(value, Mapping):
            for key, item in value.items():
                walk(item, (*path, str(key)))
        # How a run is executed is no property of the model.
        elif path and path[0] not in ("execution", "loggers") and _is_single(value):
            found[".".join(path)] = value

    walk(_parsed(config) if config.strip() else None, ())
    return found


def _is_single(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)


def _with_defaults(config: str) -> str:
    """A run config in which the defaults count that its skeleton has as comments."""
    begun = _parsed(config) if config.strip() else None
    lines = [_COMMENTED.sub(r"\1", line) for line in config.splitlines()]
    text = "\n".join(lines) + "\n"
    whole = _parsed(text)
    if not isinstance(whole, Mapping) or not set(whole) <= _SECTIONS:
        return config
    # How a run is executed stays as it is.
    kept = {
        key: value
        for key, value in whole.items()
        if key in ("ops", "resources", "inputs") or (isinstance(begun, Mapping) and key in begun)
    }
    return to_yaml(kept) if kept else config


def form(config: str, choices: Choices, job: str | None) -> Any:
    """A form with a field for each single value of a run config.

    Defaults that the config has as comments are values, too. It begins with what was sent last for
    this job, however often it is made.

    Args:
        config: The run config as YAML.
        choices: What was chosen in this notebook.
        job: The job that it is for; none for assets.
    """
    import marimo as mo

    def field(label: str, value: Any) -> Any:
        if isinstance(value, bool):
            return mo.ui.switch(value=value, label=label)
        if isinstance(value, int | float):
            step = None if isinstance(value, float) else 1
            return mo.ui.number(value=value, step=step, label=label)
        return mo.ui.text(value=value, label=label)

    def keep(values: Mapping[str, Any] | None) -> None:
        if values:
            by_path = {path: values[_field(at)] for at, path in enumerate(found)}
            choices.keep(_sent_for(job), by_path)

    found = parameters_of(_with_defaults(config))
    before = sent(choices, job)
    short = _short_names(found)
    fields = {
        _field(at): field(short[path], _of_kind(value, before.get(path)))
        for at, (path, value) in enumerate(found.items())
    }
    lines = "\n\n".join(f"{{{name}}}" for name in fields)
    return (
        mo.md(lines)
        .batch(**fields)
        .form(submit_button_label="Write to the run config", bordered=bool(fields), on_change=keep)
    )


def sent(choices: Choices, job: str | None) -> dict[str, Any]:
    """What was sent last with the form of a job, by where it stands in the run config."""
    return dict(choices.kept(_sent_for(job)) or {})


def _sent_for(job: str | None) -> str:
    return f"Hyperparameters: {job}"


def _of_kind(value: Any, other: Any) -> Any:
    """The other value, if it is of the same kind: a job's config may have changed since."""
    if other is None or isinstance(other, bool) != isinstance(value, bool):
        return value
    is_number = isinstance(value, int | float)
    if is_number != isinstance(other, int | float):
        return value
    # A form's number has no point where there was one.
    return float(other) if isinstance(value, float) else other


def _field(at: int) -> str:
    return f"parameter_{at}"


def _short_names(paths: Iterable[str]) -> dict[str, str]:
    """The last part of each path, or all of it where that is said twice."""
    paths = list(paths)
    last = [path.rsplit(".", 1)[-1] for path in paths]
    return {
        path: name if last.count(name) == 1 else path
        for path, name in zip(paths, last, strict=True)
    }


def written(config: str, values: Mapping[str, Any]) -> str:
    """A run config with other values; as it is if there are none.

    Args:
        config: The run config as YAML.
        values: What was `sent`.
    """
    if not values:
        return config
    config = _with_defaults(config)
    base = parameters_of(config)
    changed = json.loads(json.dumps(_parsed(config)))
    for path, value in base.items():
        _put(changed, path, _of_kind(value, values.get(path)))
    return to_yaml(changed)


def _put(tree: Any, path: str, value: Any) -> None:
    """Sets what stands at a path. Keys may have points themselves."""
    for key in tree:
        if path == key:
            tree[key] = value
        elif path.startswith(f"{key}.") and isinstance(tree[key], dict):
            _put(tree[key], path[len(str(key)) + 1 :], value)


def to_yaml(value: Any, indent: int = 0) -> str:
    """Plain values as YAML: mappings and lists in blocks, everything else as JSON writes it."""
    pad = " " * indent
    if isinstance(value, Mapping) and value:
        return "".join(
            f"{pad}{_key(str(key))}:{_below(item, indent)}" for key, item in value.items()
        )
    if isinstance(value, list) and value and all(_is_single(item) for item in value):
        return "".join(f"{pad}- {_scalar(item)}\n" for item in value)
    return f"{pad}{_scalar(value)}\n"


def _below(value: Any, indent: int) -> str:
    if isinstance(value, Mapping) and value:
        return "\n" + to_yaml(value, indent + 2)
    if isinstance(value, list) and value and all(_is_single(item) for item in value):
        return "\n" + to_yaml(value, indent + 2)
    return f" {_scalar(value)}\n"


def _key(text: str) -> str:
    return text if _BARE.match(text) and text.lower() not in _WORDS else quoted(text)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _BARE.match(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else (".inf" if value > 0 else "-.inf")
    if isinstance(value, float):
        text = repr(value)
        # YAML wants a point in what has an exponent.
        return text if "." in text or "e" not in text else text.replace("e", ".0e")
    return quoted(value)


def metrics_of(record: Mapping[str, Any]) -> dict[str, float]:
    """The numbers in the metadata of what a run materialized, by label."""
    found: dict[str, float] = {}
    made = record.get("materialized", [])
    for one in made:
        for label, text in one["metadata"].items():
            number = _number(text)
            if number is not None:
                found[label if len(made) == 1 else f"{one['asset']} {label}"] = number
    return found


def _number(text: Any) -> float | None:
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def compare(state: NotebookState) -> list[dict[str, Any]]:
    """A row for each run that said numbers: when, its metrics, and the parameters that differ."""
    rows = []
    runs = [one for one in records(state) if metrics_of(one)][-_MOST_RUNS:]
    given = [parameters_of(one.get("run_config") or "") for one in runs]
    names = list(dict.fromkeys(path for one in given for path in one))
    differing = [path for path in names if len({repr(one.get(path)) for one in given}) > 1]
    short = _short_names(differing)
    for run, parameters in zip(runs, given, strict=True):
        rows.append(
            {
                "run": str(run.get("run_id", ""))[:8],
                "at": run["at"],
                **{short[path]: parameters.get(path) for path in differing},
                **metrics_of(run),
            }
        )
    return rows


def metric_names(state: NotebookState) -> list[str]:
    """The names of all metrics."""
    return list(dict.fromkeys(name for one in records(state) for name in metrics_of(one)))


def chart(state: NotebookState, metric: str | None) -> str:
    """A metric over the runs, as HTML."""
    runs = [one for one in records(state) if metric in metrics_of(one)]
    values = [metrics_of(one)[metric] for one in runs if metric]
    texts = [f"{value:g}" for value in values]
    if len(values) > 1:
        return charts.trend(f"{metric} over runs", values, texts)
    return charts.bars(
        f"{metric}",
        [
            charts.Bar(str(run.get("run_id", ""))[:8], abs(value), f"{value:g}")
            for run, value in zip(runs, values, strict=True)
        ],
    )


def model_card(title: str, state: NotebookState, notes: Mapping[str, str]) -> str:
    """What is to be known of the latest model, as Markdown.

    Args:
        title: The model's name.
        state: The runs of this notebook.
        notes: What only a person knows, by heading.
    """
    runs = [one for one in records(state) if metrics_of(one) and one["status"] == "SUCCESS"]
    lines = [f"# {_plain(title)}", ""]
    for heading, text in notes.items():
        lines += [f"## {heading}", "", text.strip() or "_Not written yet._", ""]
    lines += ["## Training", ""]
    if not runs:
        return "\n".join([*lines, "_No run of this notebook has told metrics yet._", ""])
    run = runs[-1]
    lines += [f"Run `{run['run_id']}`, {charts.time_text(run['at'])}.", ""]
    parameters = parameters_of(run.get("run_config") or "")
    for name, table in (("Parameter", parameters), ("Metric", metrics_of(run))):
        if table:
            lines += [f"| {name} | Value |", "| --- | --- |"]
            lines += [f"| {_plain(key)} | {_plain(value)} |" for key, value in table.items()]
            lines.append("")
    return "\n".join(lines)


def _readable(name: str, value: Any) -> Any:
    """What stands in a table: a figure as exact as anybody compares it, a time without seconds."""
    if name == "at":
        return charts.time_text(value)
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _plain(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return escape(text.replace("\n", " ").replace("|", "\\|"), quote=False)


def shown(fields: Any) -> Any:
    """The form, or why there is none."""
    import marimo as mo

    if fields.element.elements:
        return fields
    return mo.Html(
        "<p><small>The run config has no single values yet: what is written into it below can be "
        "changed here when it is in the job's own config.</small></p>"
    )


def comparison(state: NotebookState, metric: Any) -> Any:
    """The runs with their metrics, and one of these over the runs.

    Args:
        state: The runs of this notebook.
        metric: The dropdown of metrics.
    """
    import marimo as mo

    rows = compare(state)
    if not rows:
        return mo.Html(
            "<p><small>Metrics appear when a run materializes an asset with numbers in its "
            "metadata.</small></p>"
        )
    readable = [{name: _readable(name, value) for name, value in row.items()} for row in rows]
    table = mo.ui.table(readable[::-1], selection=None, page_size=8)
    return mo.vstack([metric, mo.Html(chart(state, metric.value)), table])
