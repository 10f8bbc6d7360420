"""What `flyte.init` has set up for this process, and who asks for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyte import errors
from flyte._config import ClientConfig, make_config
from flyte._runtime.context import TaskContext, ctx

if TYPE_CHECKING:
    from flyte._client.client import Client

_config: ClientConfig | None = None
_client: "Client | None" = None

NO_CLIENT_HINT = (
    "start a stack with `flyte start`, or write a config.yaml with admin: {endpoint: nats://host:4222}"
)


def init(
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    root_dir: str | Path | None = None,
    endpoint: str | None = None,
    insecure: bool = False,
    **unsupported: Any,
) -> None:
    """Set up this process. With an `endpoint` (a NATS address), runs go there; without, they are local.

    `org` and `insecure` are accepted and mean nothing here. Raises ValueError for a bad address or name,
    NotImplementedError for an option that this version does not have.
    """
    _refuse("init", unsupported)
    configure(
        make_config(
            endpoint=endpoint,
            project=project,
            domain=domain,
            root_dir=Path(root_dir) if root_dir else None,
            look_around=False,
        )
    )


def init_from_config(
    path_or_config: str | Path | None = None,
    root_dir: str | Path | None = None,
    project: str | None = None,
    domain: str | None = None,
    org: str | None = None,
    **unsupported: Any,
) -> None:
    """Set up this process from a configuration file, or from the stack that runs on this machine.

    Without a path the usual places are searched. Raises InitializationError when a named file is not there,
    or when nothing says where the control plane is.
    """
    _refuse("init_from_config", unsupported)
    found = make_config(
        file=Path(path_or_config) if path_or_config else None,
        project=project,
        domain=domain,
        root_dir=Path(root_dir) if root_dir else None,
    )
    configure(found if found.endpoint else _without_client(found))


def configure(config: ClientConfig) -> None:
    """Use `config` from here on; a client for another one is closed."""
    global _config, _client
    if _client is not None and _client.config != config:
        _client.close_soon()
        _client = None
    _config = config


def configured() -> ClientConfig | None:
    """What `init` has set up; None before it."""
    return _config


def is_connected() -> bool:
    """Whether runs go to a control plane, not to this process."""
    return _config is not None and bool(_config.endpoint)


def client() -> "Client":
    """The client of this process. Raises InitializationError when `init` has not set one up."""
    global _client
    if _config is None or not _config.endpoint:
        raise errors.InitializationError(
            "ClientNotInitializedError",
            "user",
            f"no client is configured: call flyte.init_from_config() first; {NO_CLIENT_HINT}",
        )
    if _client is None:
        from flyte._client.client import Client

        _client = Client(_config)
    return _client


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


def _without_client(config: ClientConfig) -> ClientConfig:
    where = f"{config.source} has no admin.endpoint" if config.source else "there is no configuration file"
    raise errors.InitializationError(
        "ConfigFileNotFoundError" if not config.source else "EndpointNotConfiguredError",
        "user",
        f"{where}, and no stack runs on this machine: {NO_CLIENT_HINT}",
    )


def _refuse(where: str, options: dict[str, Any]) -> None:
    for name, value in options.items():
        if name not in _HARMLESS and value is not None:
            raise NotImplementedError(f"flyte.{where}({name}=…) is not supported yet: leave it out")


_HARMLESS = frozenset(
    ("log_level", "log_format", "user_log_level", "reset_root_logger", "sync_local_sys_paths", "batch_size")
)
"""Options that change nothing a user's program could rely on."""
