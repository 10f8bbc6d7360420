"""What this process can reach beside itself, as `flyte.init` has set it up; below all that uses it.

A task's process has no client: it reaches the artifact store through its controller.
"""

from collections.abc import Callable
from typing import Any, Protocol

from flyte import errors

NO_CLIENT_HINT = (
    "start a stack with `flyte start`, or write a config.yaml with admin: {endpoint: nats://host:4222}"
)


class Place(Protocol):
    """Whose data it is."""

    @property
    def project(self) -> str: ...

    @property
    def domain(self) -> str: ...


class Client(Protocol):
    """What the artifact store needs of a client: its project, and a bus that can `ask`."""

    @property
    def config(self) -> Place: ...

    async def bus(self) -> Any: ...


def no_client() -> errors.InitializationError:
    """The error for a process that has none."""
    return errors.InitializationError(
        "ClientNotInitializedError",
        "user",
        f"no client is configured: call flyte.init_from_config() first; {NO_CLIENT_HINT}",
    )


class _Reach:
    client: Callable[[], Client] | None = None
    storage: Any = None


def use_client(find: Callable[[], Client]) -> None:
    """From here on `find` says who the client is; it raises InitializationError when there is none."""
    _Reach.client = find


def client() -> Client:
    """The client of this process. Raises InitializationError."""
    if _Reach.client is None:
        raise no_client()
    return _Reach.client()


def use_storage(storage: Any) -> None:
    """Remote storage is reached as this `flyte.storage.Storage` says; None leaves it to variables."""
    _Reach.storage = storage


def storage() -> Any:
    """How remote storage is reached."""
    return _Reach.storage
