"""Controls of generated notebooks: they keep what was chosen when a cell makes them anew.

A control whose options come from Dagster is made again when Dagster is asked again. Without a
memory, "Refresh" would throw away the chosen job and the edited run config.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
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

    def _keep(self, name: str) -> Callable[[Any], None]:
        def keep(value: Any) -> None:
            self._chosen[name] = value

        return keep

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
        wanted = {
            "value": self._chosen.get(name, value),
            "language": "yaml",
            "label": label,
            "min_height": 100,
            "max_height": 420,
            "debounce": _PAUSE,
            "on_change": self._keep(name),
        }
        # Older releases of marimo know fewer of these.
        known = inspect.signature(mo.ui.code_editor.__init__).parameters
        return mo.ui.code_editor(**{key: item for key, item in wanted.items() if key in known})


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
        retention_days: Days after which old exports are removed; 0 keeps all.
        metadata_key: The label of the link on the asset.
    """
    import marimo as mo

    providers = {"nowhere": "", "Amazon S3": "s3", "Google Cloud": "gcs", "Azure": "azure"}
    return mo.md(
        """
        {compress} {attach}

        {metadata_key} {retention_days}

        {provider} {bucket}
        """
    ).batch(
        compress=mo.ui.checkbox(value=compress, label="Compressed copy"),
        attach=mo.ui.checkbox(value=True, label="Attach a link to the assets"),
        metadata_key=mo.ui.text(value=metadata_key, label="Metadata key"),
        retention_days=mo.ui.number(
            start=0, stop=3650, step=1, value=retention_days, label="Remove exports after days"
        ),
        provider=mo.ui.dropdown(options=providers, value="nowhere", label="Upload to"),
        bucket=mo.ui.text(placeholder="bucket/prefix", label="Bucket"),
    )
