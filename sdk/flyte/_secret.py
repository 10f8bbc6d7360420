"""Secrets that a task wants to see: named here, their values never."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from flyte_schemas.policies import SecretReference


SECRETS_FOLDER = PurePosixPath("/etc/flyte/secrets")
"""The one place where secrets are mounted as files."""

_VARIABLE = r"[A-Z_][A-Z0-9_]*"


@dataclass(frozen=True, slots=True)
class Secret:
    """The secret `key` (of `group`), as an environment variable or as a file below /etc/flyte/secrets.

    Without `mount` it is a variable: `as_env_var`, or GROUP_KEY in upper case. Raises TypeError, ValueError.
    """

    key: str
    group: str | None = None
    mount: Path | None = None
    as_env_var: str | None = None

    def __post_init__(self) -> None:
        for option in ("key", "group", "as_env_var"):
            value = getattr(self, option)
            if not isinstance(value, str) and (option == "key" or value is not None):
                raise TypeError(f"a secret's {option} is a string, not {value!r}")
        if not self.key:
            raise ValueError("a secret's key must not be empty")
        if self.mount is not None and PurePosixPath(self.mount) != SECRETS_FOLDER:
            raise ValueError(f"secrets are mounted at {SECRETS_FOLDER}, not at {self.mount}")
        if self.as_env_var is not None and not re.fullmatch(_VARIABLE, self.as_env_var):
            raise ValueError(
                f"environment variable {self.as_env_var!r} is not allowed: upper-case letters, digits and _"
            )
        if self.as_env_var is None and self.mount is None:
            name = "_".join(part for part in (self.group, self.key) if part).replace("-", "_").upper()
            if not re.fullmatch(_VARIABLE, name):
                raise ValueError(f"secret {self.key!r} gives no variable name: say as_env_var=…")
            object.__setattr__(self, "as_env_var", name)

    def stable_hash(self) -> str:
        """The SHA-256 of what is asked for, as hex."""
        parts = (self.key, self.group, self.mount and str(self.mount), self.as_env_var)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def to_wire(self) -> "SecretReference":
        from flyte_schemas.policies import SecretReference

        return SecretReference(
            key=self.key,
            group=self.group,
            as_env_var=self.as_env_var,
            mount=None if self.mount is None else PurePosixPath(self.mount).as_posix(),
        )


SecretRequest: TypeAlias = str | Secret | Iterable[str | Secret]
"""What `secrets=` takes: a key, a Secret, or several of them."""


def secrets_of(request: object) -> tuple[Secret, ...]:
    """What `secrets=` means. Raises TypeError and ValueError."""
    if request is None:
        return ()
    if isinstance(request, str | Secret):
        request = (request,)
    if not isinstance(request, Iterable):
        raise TypeError(f"secrets must be a string, a Secret or a list of them, not {request!r}")
    return tuple(_secret(item) for item in request)


def _secret(item: object) -> Secret:
    if isinstance(item, Secret):
        return item
    if isinstance(item, str):
        return Secret(item)
    raise TypeError(f"a secret is a string or a Secret, not {item!r}")
