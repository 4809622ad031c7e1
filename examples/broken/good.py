"""Jobs that fail, each in a way of its own, and one that does not."""

import os
import time

from dagster import (
    Config,
    ConfigurableResource,
    Definitions,
    EnvVar,
    OpExecutionContext,
    asset,
    job,
    op,
)


class Limit(Config):
    """How much is too much."""

    limit: int


class Vault(ConfigurableResource):  # type: ignore[type-arg]
    """Needs a secret that nobody has set."""

    token: str


@asset
def numbers() -> list[int]:
    """Three numbers."""
    return [1, 2, 3]


@op
def read_prices() -> list[float]:
    """Fail with a cause."""
    try:
        return [float("twelve")]
    except ValueError as error:
        raise RuntimeError("the price list is broken") from error


@op
def wait_for_ever() -> None:
    """Sleep in small steps, so that a termination is heard."""
    while True:
        time.sleep(0.1)


@op
def leave() -> None:
    """End the process without a word."""
    os._exit(3)


@op
def limited(context: OpExecutionContext, config: Limit) -> None:
    """Want a limit."""
    context.log.info("the limit is %s", config.limit)


@op
def unlock(vault: Vault) -> None:
    """Use the secret."""
    assert vault.token


@op
def nothing() -> None:
    """Do nothing."""


@job
def fails() -> None:
    """Fail in its step."""
    read_prices()


@job
def hangs() -> None:
    """Never end."""
    wait_for_ever()


@job
def dies() -> None:
    """Lose its process."""
    leave()


@job
def takes_config() -> None:
    """Need run config."""
    limited()


@job
def needs_secret() -> None:
    """Need a variable."""
    unlock()


@job
def fine() -> None:
    """Succeed."""
    nothing()


defs = Definitions(
    assets=[numbers],
    jobs=[fails, hangs, dies, takes_config, needs_secret, fine],
    resources={"vault": Vault(token=EnvVar("BROKEN_SECRET_TOKEN"))},
)
