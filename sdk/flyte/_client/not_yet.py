"""What the stack keeps no record of yet: programs that name it load, and its use says what is missing.

Secrets can be declared; a store for their values is still to come.
"""

from typing import Any, Literal, NoReturn

SecretTypes = Literal["regular", "image_pull"]


class Refused:
    """A call that cannot be served yet, blocking or awaited. Raises NotImplementedError."""

    def __init__(self, name: str, why: str) -> None:
        self.__name__ = name.rpartition(".")[2]
        self.__doc__ = f"Raises NotImplementedError: {why}."
        self._message = f"flyte.remote.{name} is not supported yet: {why}"

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(self._message)

    def aio(self, *args: Any, **kwargs: Any) -> NoReturn:
        """The same."""
        raise NotImplementedError(self._message)


_NO_SECRETS = (
    "no store keeps the values of secrets; set them as variables where the executor runs, or with env_vars"
)


class Secret:
    """A secret that the stack keeps. Nothing of it is there yet: each call raises NotImplementedError."""

    create = Refused("Secret.create", _NO_SECRETS)
    get = Refused("Secret.get", _NO_SECRETS)
    listall = Refused("Secret.listall", _NO_SECRETS)
    delete = Refused("Secret.delete", _NO_SECRETS)
