"""A notebook that exports itself, and says at its assets where the page is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daglab.helpers.attach import attach_metadata
from daglab.helpers.errors import DaglabError, UsageError
from daglab.helpers.export import apply_retention_policy, export_html, upload_to_cloud
from daglab.helpers.records import log, said_of

if TYPE_CHECKING:
    from daglab.helpers.export import UploadProgress
    from daglab.helpers.graphql import DagsterClient
    from daglab.helpers.state import NotebookState

__all__ = ["export"]


async def export(
    client: DagsterClient,
    notebook: str,
    options: Mapping[str, Any],
    assets: tuple[str, ...],
    state: NotebookState,
) -> dict[str, Any]:
    """Exports the notebook, uploads the page if that is wanted, and attaches its link.

    Args:
        client: Whose assets get the link.
        notebook: The notebook's file.
        options: The value of `controls.export_options`.
        assets: The assets; those of the last run if there are none.
        state: Where runs and errors are kept.
    """
    done: dict[str, Any] = {"attached": [], "removed": 0}
    page = Path(notebook).with_suffix(".html")
    try:
        if options["provider"] and not options["bucket"].strip():
            raise UsageError(
                "a store is chosen, and no bucket", hint="name it: `bucket`, or `bucket/prefix`"
            )
        compress = bool(options["compress"])
        written = await export_html(Path(notebook), page, compress=compress, client=client)
        done["page"] = str(written)
        link = page.resolve().as_uri()
        if options["provider"]:
            bucket, _, prefix = options["bucket"].strip().strip("/").partition("/")
            key = "/".join(part for part in (prefix, Path(written).name) if part)
            uploaded = await upload_to_cloud(
                written, options["provider"], bucket, key, on_progress=_uploading
            )
            done["url"] = link = uploaded.url
            done["expires_at"] = uploaded.expires_at
        if options["attach"]:
            for asset in assets or _made(state):
                metadata = {str(options["metadata_key"]): link}
                attached = await attach_metadata(asset, metadata, client)
                done["attached"].append((asset, attached))
        if options["remove"]:
            removed = apply_retention_policy(page.parent, int(options["retention_days"]))
            done["removed"] = len(removed)
    except DaglabError as error:
        done["problem"] = str(error)
        log(state, "export", said_of(error))
    return done


def _made(state: NotebookState) -> list[str]:
    """The assets that the last run has materialized."""
    made = (state.get("last_run") or {}).get("materialized", [])
    return sorted({str(one["asset"]) for one in made})


def _uploading(progress: UploadProgress) -> None:
    import marimo as mo

    from daglab.helpers import panels

    mo.output.replace(panels.uploading(progress.bytes, progress.total))
