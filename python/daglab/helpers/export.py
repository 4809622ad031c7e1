"""Notebooks exported, pages uploaded, and old exports removed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daglab.helpers.binary import Caller
from daglab.helpers.errors import Conflict, DaglabError, RunFailed, UsageError, remember

if TYPE_CHECKING:
    from daglab.helpers.graphql import DagsterClient, SyncDagsterClient

__all__ = [
    "CloudUploadResult",
    "UploadProgress",
    "apply_retention_policy",
    "export_html",
    "export_html_sync",
    "upload_to_cloud",
    "upload_to_cloud_sync",
]

# How long an export may take beside the notebook's own time, in seconds: what it needs may have to
# be installed first.
_PREPARATION = 900.0
_TIMEOUT = 600.0


@dataclass(frozen=True)
class UploadProgress:
    """How far an upload is.

    Attributes:
        bytes: How many bytes have arrived.
        total: How many there are.
    """

    bytes: int
    total: int


@dataclass(frozen=True)
class CloudUploadResult:
    """A file in an object store.

    Attributes:
        url: Where it can be opened: a signed link, unless `export.cloud_storage.links` says
            otherwise.
        expires_at: When the link ends, as RFC 3339; nothing for one that does not.
        bytes: How many bytes the store holds.
        address: Where it is, as in `s3://bucket/key`.
    """

    url: str
    expires_at: str | None
    bytes: int
    address: str = ""


OnProgress = Callable[[UploadProgress], object]


async def export_html(
    nb_path: str | Path,
    out_path: str | Path | None = None,
    compress: bool = False,
    *,
    client: DagsterClient | SyncDagsterClient | None = None,
    timeout: float = _TIMEOUT,
) -> Path:
    """Run a notebook, and export it as a page that opens anywhere.

    It is run with this Python, in processes of its own, as `daglab export` does. No older exports
    are removed: `apply_retention_policy` does that.

    Args:
        nb_path: The notebook.
        out_path: The page; beside the notebook unless it is given.
        compress: Whether a gzip copy is written beside it.
        client: The server that the notebook speaks to; an ephemeral instance, if it needs one,
            unless it is given.
        timeout: How long the notebook may take, in seconds.

    Returns:
        The page.

    Raises:
        RunFailed: A cell failed. The page is there all the same, and `details` names it.
        ValidationFailed: There is no such notebook.
        Conflict: It is daglab that runs the notebook which calls this.
    """
    caller, command = _export(nb_path, out_path, compress, client, timeout)
    patience = timeout + _PREPARATION
    return _page(await caller.command_async(command, patience=patience))


def export_html_sync(
    nb_path: str | Path,
    out_path: str | Path | None = None,
    compress: bool = False,
    *,
    client: DagsterClient | SyncDagsterClient | None = None,
    timeout: float = _TIMEOUT,
) -> Path:
    """Run a notebook, and export it, as `export_html` does, for code that waits."""
    caller, command = _export(nb_path, out_path, compress, client, timeout)
    return _page(caller.command(command, patience=timeout + _PREPARATION))


def _export(
    nb_path: str | Path,
    out_path: str | Path | None,
    compress: bool,
    client: DagsterClient | SyncDagsterClient | None,
    timeout: float,
) -> tuple[Caller, list[str]]:
    if "DAGLAB_TASK" in os.environ:
        # A notebook that exports itself would do so for ever.
        raise remember(
            Conflict(
                "a notebook that is being exported can't export notebooks",
                hint="do it in the editor, or by `daglab export`",
            )
        )
    caller = Caller(Path.cwd(), {}) if client is None else client.caller
    command = [
        "export",
        f"--notebook={Path(nb_path).absolute()}",
        "--json",
        "--no-retention",
        "--compress" if compress else "--no-compress",
        f"--timeout={timeout}",
        f"--python={sys.executable}",
    ]
    if out_path is not None:
        command.append(f"--output={Path(out_path).absolute()}")
    if client is not None:
        # The client's address is in the environment: it may hold a password.
        command.append("--deployment")
    return caller, command


def _page(said: Mapping[str, Any]) -> Path:
    notebooks = said.get("notebooks") or [{}]
    notebook = notebooks[0]
    pages = [one["path"] for one in notebook.get("files", ()) if one["format"] == "html"]
    if said.get("result") != "passed":
        findings = [one.get("message") for one in said.get("findings", ())]
        why = notebook.get("reason") or next(filter(None, findings), None) or said.get("result")
        raise remember(
            RunFailed(
                f"the notebook did not run: {why}",
                hint=f"its page shows where: {pages[0]}" if pages else None,
                details={"page": pages[0] if pages else None},
            )
        )
    if not pages:
        raise remember(DaglabError("the export has no page"))
    return Path(pages[0])


async def upload_to_cloud(
    file_path: str | Path,
    provider: str,
    bucket: str,
    key: str,
    *,
    on_progress: OnProgress | None = None,
    project: str | Path | None = None,
) -> CloudUploadResult:
    """Upload a file to an object store, over what is there.

    Credentials come from where the cloud's own tools have them. Values of secret variables are
    removed from the file on its way. An endpoint, region or account of the settings counts for the
    provider that they are about.

    Args:
        file_path: The file.
        provider: `s3`, `gcs`, `azure`, or `file` for a directory.
        bucket: The bucket, the container or the directory.
        key: The object's key.
        on_progress: Hears how many bytes have arrived.
        project: The folder whose `daglab.yaml` is meant; the current one unless it is given.

    Returns:
        Where it can be opened, and until when.

    Raises:
        AuthenticationFailed: There are no credentials, or they are not enough.
        ConnectionFailed: The store can't be reached.
        ValidationFailed: There is no such file or bucket, or no link to the key can be signed: for
            Azure, it has only letters from a to z, digits, `-`, `.`, `_` and `/`.
        UsageError: The provider is unknown, or the key can't be one.
    """
    caller, request = _upload(file_path, provider, bucket, key, project)
    result = None
    async with aclosing(caller.stream_async("upload", request)) as lines:
        async for line in lines:
            result = _uploaded(line, on_progress) or result
    return _checked(result)


def upload_to_cloud_sync(
    file_path: str | Path,
    provider: str,
    bucket: str,
    key: str,
    *,
    on_progress: OnProgress | None = None,
    project: str | Path | None = None,
) -> CloudUploadResult:
    """Upload a file, as `upload_to_cloud` does, for code that waits."""
    caller, request = _upload(file_path, provider, bucket, key, project)
    result = None
    with closing(caller.stream("upload", request)) as lines:
        for line in lines:
            result = _uploaded(line, on_progress) or result
    return _checked(result)


def _upload(
    file_path: str | Path, provider: str, bucket: str, key: str, project: str | Path | None
) -> tuple[Caller, dict[str, Any]]:
    folder = Path.cwd() if project is None else Path(project).expanduser().absolute()
    request = {
        "file": str(Path(file_path).expanduser().absolute()),
        "provider": provider,
        "bucket": bucket,
        "key": key,
    }
    return Caller(folder, {}), request


def _uploaded(line: Mapping[str, Any], on_progress: OnProgress | None) -> CloudUploadResult | None:
    if line.get("type") == "progress" and on_progress is not None:
        on_progress(UploadProgress(bytes=line["bytes"], total=line["total"]))
    if line.get("type") != "uploaded":
        return None
    return CloudUploadResult(
        url=line["url"],
        expires_at=line["expires_at"],
        bytes=line["bytes"],
        address=line["address"],
    )


def _checked(result: CloudUploadResult | None) -> CloudUploadResult:
    if result is None:
        raise remember(DaglabError("the upload ended without a link"))
    return result


def apply_retention_policy(directory: str | Path, days: int) -> list[Path]:
    """Remove exports that are older.

    Only what daglab itself wrote there is removed: each folder of exports has a list of them, and a
    file that was written to since stays.

    Args:
        directory: The folder of exports.
        days: For how many days a file stays; 0 keeps none.

    Returns:
        What was removed.

    Raises:
        Conflict: There is no such folder, or its list can't be written.
        UsageError: The days are no number of days.
    """
    if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days < 2**32:
        raise UsageError(f"`{days!r}` is not a number of days", hint="give 0 or more")
    request = {"directory": str(Path(directory).expanduser().absolute()), "days": days}
    answer = Caller(Path.cwd(), {}).call("retention", request)
    return [Path(one) for one in answer["removed"]]
