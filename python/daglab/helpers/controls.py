"""Controls of generated notebooks: they keep what was chosen when a cell makes them anew.

A control whose options come from Dagster is made again when Dagster is asked again. Without a
memory, "Refresh" would throw away the chosen job and the edited run config.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daglab.helpers.live import Found

__all__ = ["Choices", "export_options", "jobs", "locations", "repositories"]

# Milliseconds without a key pressed after which a text is looked at.
_PAUSE = 400


class Choices:
    """What was chosen in this notebook, by the control's name."""

    def __init__(self) -> None:
        """Nothing was chosen yet."""
        self._chosen: dict[str, Any] = {}

    def keep(self, name: str, value: Any) -> None:
        """Keeps what was chosen.

        Args:
            name: The control's name.
            value: What was chosen.
        """
        self._chosen[name] = value

    def kept(self, name: str) -> Any:
        """What was chosen last; none if nothing was."""
        return self._chosen.get(name)

    def _keep(self, name: str) -> Callable[[Any], None]:
        return functools.partial(self.keep, name)

    def _first(self, name: str, options: Sequence[str], wanted: str | None) -> str | None:
        for value in (self._chosen.get(name), wanted):
            if value in options:
                return value
        return options[0] if options else None

    def dropdown(self, label: str, options: Sequence[str], wanted: str | None) -> Any:
        """A dropdown of names. Without options, it offers the one that is wanted.

        Args:
            label: What is chosen.
            options: Names to choose from.
            wanted: What is chosen at first, if it is one of them.
        """
        import marimo as mo

        offered = list(dict.fromkeys(options)) or ([wanted] if wanted else [])
        return mo.ui.dropdown(
            options=offered,
            value=self._first(label, offered, wanted),
            label=label,
            full_width=True,
            on_change=self._keep(label),
        )

    def radio(self, label: str, options: Sequence[str], wanted: str) -> Any:
        """One of a few."""
        import marimo as mo

        return mo.ui.radio(
            options=list(options),
            value=self._first(label, options, wanted),
            label=label,
            inline=True,
            on_change=self._keep(label),
        )

    def text(self, label: str, value: str | None, placeholder: str = "") -> Any:
        """A line of text."""
        import marimo as mo

        return mo.ui.text(
            value=self._chosen.get(label, value or ""),
            placeholder=placeholder,
            label=label,
            full_width=True,
            on_change=self._keep(label),
        )

    def area(self, label: str, value: str | None) -> Any:
        """Some lines of text."""
        import marimo as mo

        return mo.ui.text_area(
            value=self._chosen.get(label, value or ""),
            label=label,
            rows=3,
            full_width=True,
            on_change=self._keep(label),
        )

    def editor(self, label: str, about: object, value: str) -> Any:
        """An editor for YAML. What was written about one thing is not shown for another.

        Args:
            label: What is edited.
            about: What it belongs to, a job's name for example.
            value: What it begins with.
        """
        import marimo as mo

        name = f"{label}: {about}"
        return mo.ui.code_editor(
            value=self._chosen.get(name, value),
            language="yaml",
            label=label,
            min_height=100,
            max_height=420,
            debounce=_PAUSE,
            on_change=self._keep(name),
        )

    def table(self, label: str, rows: Sequence[Mapping[str, Any]], name: str) -> Any:
        """A table whose rows can be ticked. A row stays so while what it is named by is there.

        Args:
            label: What is ticked.
            rows: The rows.
            name: The column that names a row.
        """
        import marimo as mo

        def keep(ticked: Any) -> None:
            self.keep(label, [row[name] for row in ticked])

        ticked = self.kept(label) or []
        return mo.ui.table(
            [dict(row) for row in rows],
            selection="multi",
            initial_selection=[at for at, row in enumerate(rows) if row[name] in ticked],
            label=label,
            page_size=10,
            on_change=keep,
        )


def locations(found: Found) -> list[str]:
    """The names of code locations."""
    return _sorted(repository.location for repository in found.repositories)


def repositories(found: Found, location: str | None) -> list[str]:
    """The names of a code location's repositories."""
    return _sorted(
        repository.name
        for repository in found.repositories
        if location in (None, repository.location)
    )


def jobs(found: Found, location: str | None, repository: str | None) -> list[str]:
    """The names of a repository's jobs, without those that Dagster makes for assets."""
    return _sorted(
        job.name
        for job in found.jobs
        if location in (None, job.location) and repository in (None, job.repository)
    )


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(set(names))


def export_options(*, compress: bool, retention_days: int, metadata_key: str) -> Any:
    """What can be chosen about an export, as one control whose value is a dictionary.

    Args:
        compress: Whether a gzip copy is written beside the page.
        retention_days: Days after which older exports are removed, if that is chosen.
        metadata_key: The label of the link on the asset.
    """
    import marimo as mo

    providers = {"nowhere": "", "Amazon S3": "s3", "Google Cloud": "gcs", "Azure": "azure"}
    return mo.md(
        """
        {compress} {attach}

        {metadata_key}

        {remove} {retention_days}

        {provider} {bucket}
        """
    ).batch(
        compress=mo.ui.checkbox(value=compress, label="Compressed copy"),
        attach=mo.ui.checkbox(value=True, label="Attach a link to the assets"),
        metadata_key=mo.ui.text(value=metadata_key, label="Metadata key"),
        remove=mo.ui.checkbox(value=True, label="Remove older exports beside it"),
        retention_days=mo.ui.number(
            start=1, stop=3650, step=1, value=max(1, retention_days), label="after days"
        ),
        provider=mo.ui.dropdown(options=providers, value="nowhere", label="Upload to"),
        bucket=mo.ui.text(placeholder="bucket/prefix", label="Bucket"),
    )
