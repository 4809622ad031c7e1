"""What generated notebooks show: each panel is made of what is known, and says what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, cast

from daglab.helpers.charts import bytes_text, seconds_text, time_text
from daglab.helpers.errors import AuthenticationFailed, ConnectionFailed, DaglabError
from daglab.helpers.figures import performance
from daglab.helpers.inprocess import NOT_RECORDED, InProcessResult
from daglab.helpers.launching import Press, retryable
from daglab.helpers.live import answers
from daglab.helpers.records import records

if TYPE_CHECKING:
    from daglab.helpers.graphql import Health
    from daglab.helpers.live import Found, Progress, Selected
    from daglab.helpers.state import NotebookState
    from daglab.helpers.validation import ValidationResult

__all__ = [
    "connection",
    "download",
    "errors",
    "exported",
    "found",
    "heading",
    "inprocess",
    "last_run",
    "performance",
    "progress",
    "retry",
    "selected",
    "uploading",
    "validation",
]

_ENDS = {
    "SUCCESS": ("Succeeded", "success"),
    "FAILURE": ("Failed", "danger"),
    "CANCELED": ("Canceled", "warn"),
    "INVALID": ("The run config does not fit: nothing was launched", "warn"),
    "REFUSED": ("Not launched", "danger"),
    "LEFT": ("No longer followed: the run goes on in Dagster", "warn"),
    "UNKNOWN": ("Lost sight of the run", "warn"),
}
_SHOWN = 12


def heading(
    title: str, description: str, *, version: str, author: str, created: str, modified: str
) -> Any:
    """The notebook's title, what it is about, and by whom."""
    import marimo as mo

    made = f"Version {version} by {author}, {created}"
    if modified != created:
        made += f", changed {modified}"
    said = f"<p>{escape(description)}</p>" if description else ""
    said += f"<p><small>{escape(made)}</small></p>"
    return mo.vstack([mo.md(f"# {_escaped(title)}"), mo.Html(said)])


def connection(health: Health) -> Any:
    """Whether the server answers, and what of it has loaded."""
    if not answers(health):
        return _unanswered(health.error or ConnectionFailed("no Dagster server answers"))
    url = health.url or ""
    about = f"Dagster {escape(health.version or '')} at {_link(url, url)}, "
    about += f"answered in {seconds_text(health.seconds)}"
    failed = [one for one in health.locations if one.status == "failed"]
    if failed:
        lines = [f"{one.name}: {one.error}" for one in failed[:_SHOWN]]
        return _callout("warn", "Connected, but a code location did not load", lines, about)
    return _callout("success", "Connected", [], about)


def _unanswered(error: DaglabError) -> Any:
    """Why nobody can be asked. That there is no server is no fault; anything else is."""
    if isinstance(error, ConnectionFailed):
        hint = error.hint or "start one with `dagster dev`"
        without = "Everything below works without one as far as it can."
        return _callout("neutral", "No Dagster server", [error.message, hint, without])
    is_refused = isinstance(error, AuthenticationFailed)
    title = "The Dagster server refuses" if is_refused else "Dagster can't be asked"
    return _callout("danger", title, [error.message, error.hint])


def found(there: Found) -> Any:
    """Why it is not known what the server has."""
    return _callout("warn", "Not discovered", [there.problem]) if there.problem else None


def selected(chosen: Selected) -> Any:
    """The assets that are meant."""
    import marimo as mo

    if chosen.problem:
        return _callout("warn", "Assets", [chosen.problem])
    if not chosen.keys:
        return None
    shown = " ".join(f"<code>{escape(key)}</code>" for key in chosen.keys[:_SHOWN])
    if len(chosen.keys) > _SHOWN:
        shown += f" and {len(chosen.keys) - _SHOWN} more"
    count = "1 asset" if len(chosen.keys) == 1 else f"{len(chosen.keys)} assets"
    return mo.Html(f"<p>{count}: {shown}</p>")


def validation(result: ValidationResult | DaglabError | None) -> Any:
    """Whether the run config fits, and if not, where."""
    import marimo as mo

    if result is None:
        return mo.Html(
            "<p><small>The run config is validated once Dagster answers and something is "
            "chosen.</small></p>"
        )
    if isinstance(result, DaglabError):
        return _callout("warn", "Not validated", [result.message, result.hint])
    if result.valid:
        return mo.Html('<p role="status">✓ The run config is valid</p>')
    return _callout("danger", "The run config is not valid", [str(one) for one in result.problems])


def progress(run: Progress) -> Any:
    """A run that goes on: its link first, then how far it is."""
    import marimo as mo

    done = sum(1 for status in run.steps.values() if status == "done")
    going = [step for step, status in run.steps.items() if status == "running"]
    said = run.queue or run.status.capitalize()
    if going:
        said = f"Running {', '.join(going[:3])}"
    steps = f", {done} steps done" if done else ""
    parts: list[Any] = [
        mo.md(f"**{_escaped(run.title)}** — {_run_link(run.url, run.run_id)}"),
        mo.status.spinner(title=said, subtitle=f"{seconds_text(run.seconds)}{steps}").spinner,
    ]
    if run.log:
        parts.append(_lines(run.log))
    parts.append(
        mo.Html(
            "<p><small>Stopping this cell does not cancel the run: cancel it on its page in "
            "Dagster.</small></p>"
        )
    )
    return mo.vstack(parts)


def last_run(state: NotebookState, press: Press | None = None) -> Any:
    """What came of the last launch, after what is to be known of the state and the button."""
    said = []
    if state.warnings:
        said.append(_callout("warn", "What this notebook keeps", state.warnings))
    if press is not None and press.ignored:
        hasty = "It was pressed while the last run had not ended: press it again for another one."
        said.append(_callout("neutral", "Nothing was launched", [hasty]))
    return _stack([*said, _last_run(state)])


def _last_run(state: NotebookState) -> Any:
    import marimo as mo

    record = state.get("last_run")
    if not record:
        return mo.Html("<p><small>Nothing was launched yet.</small></p>")
    title, kind = _ENDS.get(record["status"], (record["status"].capitalize(), "neutral"))
    about = f"<b>{escape(str(record['name']))}</b>"
    if record.get("run_id"):
        about += f" — {_run_link(record.get('url'), record['run_id'])}"
    if record.get("seconds") is not None:
        about += f", {seconds_text(record['seconds'])}"
    about += f", <small>{escape(time_text(record['at']))}</small>"
    if record.get("retry_of"):
        about += f", a retry of <code>{escape(record['retry_of'][:8])}</code>"
    lines = [*record.get("problems", []), record.get("error"), record.get("hint")]
    if record["status"] == "LEFT":
        lines.append("Cancel it on its page in Dagster, if it is not wanted.")
    return _stack([_callout(kind, title, lines, about), _made(record)])


def _made(record: Mapping[str, Any]) -> Any:
    import marimo as mo

    rows = [
        {
            "asset": made["asset"],
            "partition": made.get("partition") or "",
            **{str(label): str(value) for label, value in made["metadata"].items()},
        }
        for made in record.get("materialized", [])
    ]
    if not rows:
        return None
    columns = list(dict.fromkeys(name for row in rows for name in row))
    columns = [name for name in columns if any(row.get(name) for row in rows)]
    table = [{name: row.get(name, "") for name in columns} for row in rows]
    return mo.accordion({f"Materialized: {len(rows)}": mo.ui.table(table, selection=None)})


def inprocess(
    result: InProcessResult | DaglabError | None,
    state: NotebookState,
    *,
    problem: BaseException | None = None,
) -> Any:
    """What came of a run in this process, beside the last one in Dagster."""
    import marimo as mo

    label = mo.Html(
        f'<p><b style="border:1px solid currentColor;border-radius:4px;padding:1px 6px">'
        f"{NOT_RECORDED}</b> Fast, without Dagster's history, launcher or retries.</p>"
    )
    parts: list[Any] = [label]
    if problem is not None:
        said = f"{type(problem).__name__}: {problem}"
        hint = "check that this notebook's Python has what the module imports"
        parts.append(_callout("warn", "It can't be imported here", [said, hint]))
    if isinstance(result, DaglabError):
        parts.append(_callout("danger", "It could not run", [result.message, result.hint]))
    elif result is not None:
        title, kind = _ENDS["SUCCESS" if result.success else "FAILURE"]
        if result.stopped:
            title, kind = "Stopped", "warn"
        figures = (
            f"{seconds_text(result.seconds)}; memory {bytes_text(result.memory_before)} before, "
            f"{bytes_text(result.memory_peak)} at its peak, "
            f"{bytes_text(result.memory_after)} after"
        )
        parts.append(_callout(kind, title, [result.error, result.hint], escape(figures)))
        parts.append(_difference(result, state))
    return _stack(parts)


def _difference(result: InProcessResult, state: NotebookState) -> Any:
    """A table of the two ways of running the same thing."""
    import marimo as mo

    runs = records(state)
    names = [one["name"] for one in runs if one["where"] == "in process"]
    ran = [
        one
        for one in runs
        if one["where"] == "dagster" and one.get("seconds") and one["name"] in names[-1:]
    ]
    if not ran:
        return mo.Html("<p><small>Launch it in Dagster, too, to compare both.</small></p>")
    other = ran[-1]
    there = sorted(made["asset"] for made in other.get("materialized", []))
    here = sorted(str(key) for key in result.assets)
    rows = [
        (
            "Result",
            _ENDS["SUCCESS" if result.success else "FAILURE"][0],
            _ENDS.get(other["status"], "?")[0],
        ),
        ("Time", seconds_text(result.seconds), seconds_text(other["seconds"])),
        ("Assets", ", ".join(here) or "none", ", ".join(there) or "none"),
        ("Recorded", "no", other["run_id"][:8]),
    ]
    table = [
        {
            "": name,
            "in process": mine,
            "in Dagster": theirs,
            "same": "" if name in ("Time", "Recorded") else ("yes" if mine == theirs else "no"),
        }
        for name, mine, theirs in rows
    ]
    return mo.ui.table(table, selection=None, label="In process and in Dagster")


def uploading(done: int, total: int) -> Any:
    """How far an upload is."""
    import marimo as mo

    said = f"{bytes_text(done)} of {bytes_text(total)}"
    return mo.status.spinner(title="Uploading", subtitle=said).spinner


def exported(done: Mapping[str, Any] | None) -> Any:
    """What came of an export."""
    import marimo as mo

    if done is None:
        return mo.Html("<p><small>The page shows what is kept in the state.</small></p>")
    lines: list[str | None] = [done.get("problem")]
    about = ""
    if done.get("page"):
        about = f"<code>{escape(done['page'])}</code>"
    if done.get("url"):
        about += f", uploaded: {_link(done['url'], 'link')}"
    if done.get("removed"):
        lines.append(f"{done['removed']} older exports were removed")
    snippets = []
    for asset, attached in done["attached"]:
        if attached.attached:
            lines.append(f"attached to `{asset}`")
        else:
            lines.append(f"not attached to `{asset}`: {attached.message}")
            snippets.append(attached.snippet)
    kind = "danger" if done.get("problem") else "success"
    title = "The export failed" if done.get("problem") else "Exported"
    parts = [_callout(kind, title, lines, about)]
    code = [mo.md(f"```python\n{snippet}\n```") for snippet in snippets if snippet]
    if code:
        parts.append(mo.accordion({"Attach it in the asset's code": mo.vstack(code)}))
    return mo.vstack(parts)


def retry(state: NotebookState) -> Any:
    """What the button for a retry is about."""
    import marimo as mo

    failed = retryable(state)
    if failed is None:
        return mo.Html("<p><small>No run to retry: the last one has not failed.</small></p>")
    run = f"{_run_link(failed.get('url'), failed['run_id'])} of {escape(str(failed['name']))}"
    return mo.Html(f"<p><small>To retry: {run}, {escape(time_text(failed['at']))}.</small></p>")


def errors(state: NotebookState) -> Any:
    """The error log, the latest first."""
    import marimo as mo

    log = list(reversed(state.get("error_log") or []))
    if not log:
        return mo.Html("<p><small>No errors.</small></p>")
    rows = [
        {
            "at": time_text(entry.get("at", "")),
            "what": entry.get("what", ""),
            "message": entry.get("message") or "",
            "hint": entry.get("hint") or "",
            "run": (entry.get("run_id") or "")[:8],
        }
        for entry in log
    ]
    return mo.ui.table(rows, selection=None, page_size=5, wrapped_columns=["message", "hint"])


def download(diagnostics: Callable[[], Mapping[str, Any]], state: NotebookState) -> Any:
    """A button that downloads what helps somebody else to help."""
    import marimo as mo

    def collected() -> bytes:
        kept = ("error_log", "performance_metrics", "runs")
        said = {**diagnostics(), **{name: state.get(name) for name in kept}}
        return json.dumps(said, indent=2, default=str).encode()

    return mo.download(
        collected, filename="diagnostics.json", mimetype="application/json", label="Diagnostics"
    )


def _callout(kind: str, title: str, lines: Sequence[object], about: str = "") -> Any:
    """A box with a title, something that is HTML already, and lines that are not."""
    import marimo as mo

    said = [f"<b>{escape(title)}</b>"]
    if about:
        said.append(about)
    said += [_paragraph(str(line)) for line in lines if line]
    return mo.callout(mo.Html("<br>".join(said)), kind=cast(Any, kind))


def _stack(parts: Sequence[Any]) -> Any:
    """What there is, one below the other."""
    import marimo as mo

    return mo.vstack([part for part in parts if part is not None])


def _paragraph(text: str) -> str:
    """A line, with what stands in backticks as code."""
    parts = escape(text.strip()).split("`")
    if len(parts) % 2 == 0:
        return escape(text.strip()).replace("\n", "<br>")
    marked = (f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
    return "".join(marked).replace("\n", "<br>")


def _lines(lines: Sequence[str]) -> Any:
    import marimo as mo

    return mo.Html(
        '<pre style="font-size:0.75rem;overflow-x:auto;margin:0;opacity:0.85">'
        f"{escape(chr(10).join(lines))}</pre>"
    )


def _link(address: str | None, text: str) -> str:
    """An anchor; only for what a browser opens as a page."""
    if not address or not address.startswith(("http://", "https://")):
        return escape(text)
    return (
        f'<a href="{escape(address)}" target="_blank" rel="noopener" '
        f'style="text-decoration:underline">{escape(text)}</a>'
    )


def _run_link(url: str | None, run_id: str) -> str:
    return _link(url, f"run {run_id[:8]}")


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]()#+-.!|<>&~" else char for char in text)
