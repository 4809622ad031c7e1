"""Metadata and links on their way to an asset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from daglab.helpers.binary import Caller
from daglab.helpers.discover import AssetKey, AssetKeyLike
from daglab.helpers.graphql import DagsterClient, SyncDagsterClient, attach_request

__all__ = ["AttachResult", "attach_metadata", "attach_metadata_sync", "generate_compute_helper"]


Client = DagsterClient | SyncDagsterClient


@dataclass(frozen=True)
class AttachResult:
    """What became of metadata. The result is true if it was attached.

    Attributes:
        attached: Whether the server took it.
        way: `rest`: as metadata; `graphql`: in the description alone; `snippet`: not at all, and
            the code does it.
        message: Why the server did not take it.
        snippet: Code that attaches it while the asset is computed.
    """

    attached: bool
    way: Literal["rest", "graphql", "snippet"]
    message: str | None = None
    snippet: str | None = None

    def __bool__(self) -> bool:
        """Return whether it was attached."""
        return self.attached


async def attach_metadata(
    asset_key: AssetKeyLike, metadata: Mapping[str, Any], client: Client | None = None
) -> AttachResult:
    """Attach metadata to an asset, as an observation that its page in Dagster's UI shows.

    It goes over the server's REST path, or over GraphQL where that is closed. Where neither takes
    it, as in the sandbox, the result has the code that attaches it from inside of the asset.

    Args:
        asset_key: The asset, or `asset://a/b:partition`.
        metadata: By label: texts, addresses, numbers, booleans, lists and dictionaries.
        client: The server's client; that of the settings unless it is given.

    Returns:
        What became of it.

    Raises:
        ValidationFailed: There is no such asset.
        ConnectionFailed: The server can't be asked.
    """
    caller = (client or DagsterClient()).caller
    return _read(await caller.call_async("attach", attach_request(asset_key, metadata)))


def attach_metadata_sync(
    asset_key: AssetKeyLike, metadata: Mapping[str, Any], client: Client | None = None
) -> AttachResult:
    """Attach metadata to an asset, as `attach_metadata` does, for code that waits."""
    caller = (client or SyncDagsterClient()).caller
    return _read(caller.call("attach", attach_request(asset_key, metadata)))


def _read(answer: Mapping[str, Any]) -> AttachResult:
    hint = answer["hint"]
    message = answer["message"]
    return AttachResult(
        attached=answer["attached"],
        way=answer["way"],
        message=f"{message}; {hint}" if message and hint else message,
        snippet=answer["snippet"],
    )


def generate_compute_helper(asset_key: AssetKeyLike, metadata: Mapping[str, Any]) -> str:
    """Return code that attaches metadata while an asset is computed. No server is asked.

    Args:
        asset_key: The asset.
        metadata: By label: texts, addresses, numbers, booleans, lists and dictionaries.

    Returns:
        A module: for an asset that stores its value itself, and, as comments, for one that
        returns it.

    Raises:
        UsageError: The key is none, or the metadata is nothing that JSON has.
    """
    request = {"asset": str(AssetKey.of(asset_key)), "metadata": dict(metadata)}
    return str(Caller(Path.cwd(), {}).call("snippet", request)["module"])
