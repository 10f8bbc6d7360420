"""Secrets of a local run: from this process's variables, else from the file that this machine's stack keeps.

What a local run prints goes to the user's own terminal, and is not changed.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from flyte import errors
from flyte._local_attempt import Failed
from flyte._secret import Secret
from flyte._stack import stack_home
from flyte_schemas.names import SECRETS_FOLDER_VARIABLE

if TYPE_CHECKING:
    from flyte_bus.secrets.file import KeptSecret, SecretName
    from flyte_schemas.failure import Failure


@dataclass(frozen=True, slots=True)
class Found:
    """What one task sees: variables, and the values that no report shows."""

    variables: dict[str, str] = field(default_factory=dict, repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)


NONE = Found()


class LocalSecrets:
    """Looks for those of the tasks of one run; `close` removes the files that it has made."""

    def __init__(self, project: str, domain: str) -> None:
        self._place = (project, domain)
        self._kept: dict[SecretName, KeptSecret] | None = None
        self._folder: Path | None = None

    def find(self, secrets: tuple[Secret, ...]) -> Found | Failed:
        """The values of those that a task declares; a failure where one is nowhere, or cannot be used."""
        if not secrets:
            return NONE
        from flyte_schemas.secrets import missing_secret, scopes_of

        variables, hidden = dict[str, str](), list[str]()
        try:
            for secret in secrets:
                value = self._value(secret)
                if value is None:
                    also = f"the variable {_variable(secret)}"
                    return _failed(missing_secret(secret.to_wire(), scopes_of(*self._place), also))
                text = value.decode(errors="surrogateescape")
                hidden.append(text)
                if secret.as_env_var is not None:
                    if "\0" in text:
                        raise ValueError(f"the value of secret {secret.key!r} is no text: say mount=…")
                    variables[secret.as_env_var] = text
                if secret.mount is not None:
                    variables[SECRETS_FOLDER_VARIABLE] = str(self._write(secret, value))
        except (OSError, ValueError) as error:
            return Failed(error)
        return Found(variables, tuple(hidden))

    def close(self) -> None:
        """Nothing of it is left."""
        if self._folder is not None:
            from flyte_bus.secrets.mounts import remove_folder

            remove_folder(self._folder)
            self._folder = None

    def _value(self, secret: Secret) -> bytes | None:
        """Raises ValueError where the file cannot be used."""
        said = os.environ.get(_variable(secret))
        if said is not None:
            return os.fsencode(said)
        from flyte_bus.secrets.file import FOLDER, SecretFile, SecretFileUnusable, SecretName
        from flyte_schemas.secrets import scopes_of

        if self._kept is None:
            try:
                self._kept = SecretFile(stack_home() / FOLDER).read()
            except SecretFileUnusable as error:
                raise ValueError(str(error)) from error
        names = (SecretName(scope, secret.group, secret.key) for scope in scopes_of(*self._place))
        return next((self._kept[name].value for name in names if name in self._kept), None)

    def _write(self, secret: Secret, value: bytes) -> Path:
        """Its file; the folder of all. Raises OSError, ValueError."""
        words = [word for word in (secret.group, secret.key) if word]
        if any(word in (".", "..") or "/" in word or "\0" in word for word in words):
            raise ValueError(f"secret {secret.key!r} cannot be a file of that name: say as_env_var=…")
        if self._folder is None:
            from flyte_bus.secrets.mounts import make_folder

            self._folder = make_folder(stack_home())
        path = self._folder / PurePosixPath(*words)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(value)
        return self._folder


def _variable(secret: Secret) -> str:
    from flyte_schemas.secrets import variable_of

    return secret.as_env_var or variable_of(secret.group, secret.key)


def _failed(failure: "Failure") -> Failed:
    return Failed(errors.RuntimeUserError(failure.code, failure.message), failure)
