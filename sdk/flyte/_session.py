"""What `flyte.init` has set up for this process, and who asks for it."""

from typing import TYPE_CHECKING

from flyte import _reach, errors
from flyte._config import ClientConfig
from flyte._runtime.codecs import pickles
from flyte._runtime.context import TaskContext, ctx
from flyte._runtime.importing import ASKED_AT_IMPORT, WHY, is_importing

if TYPE_CHECKING:
    from flyte._client.client import Client

_config: ClientConfig | None = None
_client: "Client | None" = None


def configure(config: ClientConfig) -> None:
    """Use `config` from here on; a client for another one is closed."""
    global _config, _client
    if _client is not None and _client.config != config:
        _client.close_soon()
        _client = None
    _config = config
    pickles.use_source_root(config.root_dir)
    _reach.use_storage(config.storage)


def configured() -> ClientConfig | None:
    """What `init` has set up; None before it."""
    return _config


def is_connected() -> bool:
    """Whether runs go to a control plane, not to this process."""
    return _config is not None and bool(_config.endpoint)


def client() -> "Client":
    """The client of this process.

    Raises InitializationError when `init` has not set one up, and in a module that a task's process imports.
    """
    global _client
    if is_importing():
        raise errors.InitializationError(ASKED_AT_IMPORT, "user", WHY)
    if _config is None or not _config.endpoint:
        raise _reach.no_client()
    if _client is None:
        from flyte._client.client import Client

        _client = Client(_config)
    return _client


_reach.use_client(client)


def current_project() -> str:
    """The project of the running task, or else of this process. Raises InitializationError."""
    return _current("project")


def current_domain() -> str:
    """The domain of the running task, or else of this process. Raises InitializationError."""
    return _current("domain")


def _current(what: str) -> str:
    running = ctx()
    found = getattr(running, "action", None)
    if isinstance(running, TaskContext) and found is not None and getattr(found, what):
        return str(getattr(found, what))
    if _config is not None:
        return str(getattr(_config, what))
    raise errors.InitializationError(
        f"{what.capitalize()}NotInitializedError",
        "user",
        f"no {what} is known yet: call flyte.init_from_config() first, or run the file with `flyte run`",
    )
