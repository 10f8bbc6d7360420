"""What the stack keeps no record of yet: programs that name it load, and its use says what is missing.

Secrets and triggers can be declared; a store for secrets' values and a clock that fires triggers are still to
come.
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
_NO_TRIGGERS = "nothing fires triggers; declare them with @env.task(triggers=…), `flyte get task` shows them"


class Secret:
    """A secret that the stack keeps. Nothing of it is there yet: each call raises NotImplementedError."""

    create = Refused("Secret.create", _NO_SECRETS)
    get = Refused("Secret.get", _NO_SECRETS)
    listall = Refused("Secret.listall", _NO_SECRETS)
    delete = Refused("Secret.delete", _NO_SECRETS)


class Trigger:
    """A trigger that is deployed. Nothing of it is there yet: each call raises NotImplementedError."""

    create = Refused("Trigger.create", _NO_TRIGGERS)
    get = Refused("Trigger.get", _NO_TRIGGERS)
    listall = Refused("Trigger.listall", _NO_TRIGGERS)
    update = Refused("Trigger.update", _NO_TRIGGERS)
    delete = Refused("Trigger.delete", _NO_TRIGGERS)
