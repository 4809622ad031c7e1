"""Who asks a Dagster server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal, NoReturn, SupportsIndex

from daglab.helpers.errors import UsageError

__all__ = ["AuthConfig", "AuthType"]

AuthType = Literal["none", "bearer", "basic", "custom", "dagster_plus"]

_TYPES: tuple[AuthType, ...] = ("none", "bearer", "basic", "custom", "dagster_plus")

# What the binary reads the token from: the environment of one process, which nobody else sees.
_TOKEN = "DAGLAB_CLIENT_TOKEN"
_PREFIX = "DAGLAB_DAGSTER__AUTH__"
# Where Dagster+ looks for its tokens.
_PLUS = "Dagster-Cloud-Api-Token"


class AuthConfig:
    """How to sign in to a Dagster server. Its token is never shown or pickled.

    Attributes:
        type: `bearer`, `basic`, `custom` (the token as it is), `dagster_plus` or `none`.
        token: The token; for `basic` the password, or `user:password` without `username`.
        header_name: The header that carries it: `Authorization` unless another is given, and for
            `dagster_plus` Dagster+'s own.
        username: The user, for `basic`.
    """

    # Neither a dataclass nor with a `__dict__`: `asdict` and `vars` would hand out the token.
    __slots__ = ("_token", "header_name", "type", "username")

    type: AuthType
    header_name: str
    username: str | None
    _token: str | None

    def __init__(
        self,
        type: AuthType = "bearer",  # noqa: A002 - it is called so in the settings
        token: str | None = None,
        header_name: str | None = None,
        username: str | None = None,
    ) -> None:
        """Refuse what can't be sent.

        Args:
            type: How the token is sent.
            token: The token.
            header_name: The header that carries it; `Authorization` unless it is given, or
                Dagster+'s own for `dagster_plus`.
            username: The user, for `basic`.

        Raises:
            UsageError: The type is unknown, or the token is missing.
        """
        object.__setattr__(self, "type", type)
        object.__setattr__(self, "_token", token)
        header_name = header_name or (_PLUS if type == "dagster_plus" else "Authorization")
        object.__setattr__(self, "header_name", header_name)
        object.__setattr__(self, "username", username)
        if self.type not in _TYPES:
            raise UsageError(
                f"there is no authentication of type `{self.type}`",
                hint=f"it is one of `{'`, `'.join(_TYPES)}`",
            )
        if self.type != "none" and not (self.token or "").strip():
            raise UsageError(
                f"authentication of type `{self.type}` needs a token",
                hint="read it from a variable: `token=os.environ['DAGSTER_GRAPHQL_TOKEN']`",
            )

    @property
    def token(self) -> str | None:
        """The token."""
        return self._token

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        """Refuse: clients are told apart by this."""
        raise AttributeError(f"`{name}` can't be changed")

    def __delattr__(self, name: str) -> NoReturn:
        """Refuse: clients are told apart by this."""
        raise AttributeError(f"`{name}` can't be changed")

    def _parts(self) -> tuple[str | None, ...]:
        return (self.type, self._token, self.header_name, self.username)

    def __eq__(self, other: object) -> bool:
        """Return whether the other signs in the same way."""
        if not isinstance(other, AuthConfig):
            return NotImplemented
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        """Return a hash of all of it."""
        return hash(self._parts())

    def __repr__(self) -> str:
        """Return it without the token."""
        return (
            f"AuthConfig(type={self.type!r}, header_name={self.header_name!r},"
            f" username={self.username!r})"
        )

    def __copy__(self) -> AuthConfig:
        """Return itself: it can't be changed."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> AuthConfig:
        """Return itself: it can't be changed."""
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse to be pickled: the token would be in the pickle.

        Raises:
            TypeError: Always.
        """
        raise TypeError("AuthConfig can't be pickled, for its token; make it where it is used")

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> AuthConfig | None:
        """Load from environment variables.

        `DAGLAB_DAGSTER__AUTH__TYPE`, `…__TOKEN_ENV` and `…__HEADER_NAME` say how, as they do for
        the command line; without them, `DAGSTER_GRAPHQL_TOKEN` is a bearer token and
        `DAGSTER_CLOUD_API_TOKEN` one of Dagster+.

        Args:
            env: The variables; those of this process unless they are given.

        Returns:
            How to sign in, or nothing if no token is set.

        Raises:
            UsageError: `DAGLAB_DAGSTER__AUTH__TYPE` is no type.
        """
        env = os.environ if env is None else env
        asked = env.get(_PREFIX + "TYPE")
        header = env.get(_PREFIX + "HEADER_NAME")
        if asked == "none":
            return None
        names = [env.get(_PREFIX + "TOKEN_ENV") or "DAGSTER_GRAPHQL_TOKEN"]
        if asked == "dagster_plus":
            names = [env.get(_PREFIX + "TOKEN_ENV") or "DAGSTER_CLOUD_API_TOKEN"]
        elif asked is None:
            names.append("DAGSTER_CLOUD_API_TOKEN")
        for name in names:
            token = env.get(name, "").strip()
            if token:
                plus = asked is None and name == "DAGSTER_CLOUD_API_TOKEN"
                kind = "dagster_plus" if plus else asked or "bearer"
                return cls(type=kind, token=token, header_name=header)  # type: ignore[arg-type]
        return None

    def variables(self) -> dict[str, str]:
        """Return the variables by which a child signs in so."""
        found = {
            _PREFIX + "TYPE": self.type,
            _PREFIX + "TOKEN_ENV": _TOKEN,
            _PREFIX + "HEADER_NAME": self.header_name,
        }
        token = (self.token or "").strip()
        if self.type == "basic" and self.username is not None:
            token = f"{self.username}:{token}"
        if token and self.type != "none":
            found[_TOKEN] = token
        return found
