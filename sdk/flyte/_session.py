"""What `flyte.init` has set up for this process, and who asks for it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyte import errors
from flyte._config import ClientConfig, make_config, parse_api_key
from flyte._runtime.codecs import pickles
from flyte._runtime.context import TaskContext, ctx
from flyte._twins import Twinned

if TYPE_CHECKING:
    from flyte._client.client import Client
    from flyte.config import Config

_config: ClientConfig | None = None
_client: "Client | None" = None

NO_CLIENT_HINT = (
    "start a stack with `flyte start`, or write a config.yaml with admin: {endpoint: nats://host:4222}"
)


@Twinned
def init(
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    root_dir: str | Path | None = None,
    log_level: int | str | None = None,
    log_format: str | None = None,
    reset_root_logger: bool = False,
    user_log_level: int | str | None = None,
    endpoint: str | None = None,
    headless: bool = False,
    insecure: bool = False,
    insecure_skip_verify: bool = False,
    ca_cert_file_path: str | None = None,
    auth_type: str = "Pkce",
    api_key: str | None = None,
    client_id: str | None = None,
    client_credentials_secret: str | None = None,
    image_builder: str = "local",
    images: Mapping[str, str] | None = None,
    image_registry: str | None = None,
    source_config_path: str | Path | None = None,
    sync_local_sys_paths: bool = True,
    **unsupported: Any,
) -> None:
    """Set up this process. With an `endpoint` (a NATS address), runs go there; without, they are local.

    `client_id` and `client_credentials_secret` are the bus's user and password; `api_key` holds endpoint and
    both. `org`, `insecure`, `headless` and `auth_type` mean nothing to NATS. Raises ValueError for a bad
    address, name or key, NotImplementedError for an option that this version does not have.
    """
    unsupported |= {"insecure_skip_verify": insecure_skip_verify, "ca_cert_file_path": ca_cert_file_path}
    _refuse("init", unsupported)
    key = parse_api_key(api_key) if api_key else None
    configure(
        make_config(
            endpoint=endpoint or (key.endpoint if key else None),
            user=client_id or (key.user if key else None),
            password=client_credentials_secret or (key.password if key else None),
            project=project,
            domain=domain,
            root_dir=Path(root_dir) if root_dir else None,
            file=Path(source_config_path) if source_config_path else None,
            image_builder=image_builder,
            images=images,
            image_registry=image_registry,
            look_around=False,
        )
    )


@Twinned
def init_from_config(
    path_or_config: "str | Path | Config | None" = None,
    root_dir: str | Path | None = None,
    log_level: int | str | None = None,
    log_format: str = "console",
    user_log_level: int | str | None = None,
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    storage: Any = None,
    batch_size: int = 1000,
    image_builder: str | None = None,
    images: Mapping[str, str] | None = None,
    sync_local_sys_paths: bool = True,
) -> None:
    """Set up this process from a configuration file, or from the stack that runs on this machine.

    Without a path the usual places are searched. Raises InitializationError when a named file is not there,
    or when nothing says where the control plane is.
    """
    _refuse("init_from_config", {"storage": storage})
    file, endpoint = path_or_config, None
    if file is not None and not isinstance(file, str | Path):
        given: Config = file
        project, domain = project or given.task.project, domain or given.task.domain
        endpoint, file = given.platform.endpoint, given.source
    found = make_config(
        endpoint=endpoint,
        file=Path(file) if file else None,
        project=project,
        domain=domain,
        root_dir=Path(root_dir) if root_dir else None,
        image_builder=image_builder,
        images=images,
    )
    configure(found if found.endpoint else _without_client(found))


@Twinned
def init_from_api_key(
    api_key: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    root_dir: str | Path | None = None,
    **unsupported: Any,
) -> None:
    """Set up this process from a key (else `FLYTE_API_KEY`): base64 of `endpoint:user:password:org`.

    Raises InitializationError (`MissingApiKeyError`) when there is none, ValueError for one that is no key.
    """
    key = api_key or os.environ.get("FLYTE_API_KEY")
    if not key:
        raise errors.InitializationError(
            "MissingApiKeyError", "user", "there is no API key: pass api_key, or set FLYTE_API_KEY"
        )
    init(project=project, domain=domain, root_dir=root_dir, api_key=key, **unsupported)


@Twinned
def init_in_cluster(
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    api_key: str | None = None,
    endpoint: str | None = None,
    insecure: bool = False,
) -> None:
    """Set up this process by the variables that a stack gives its tasks; the running task's project is ours.

    Raises InitializationError when nothing says where the control plane is.
    """
    running = ctx()
    action = getattr(running, "action", None)
    found = make_config(
        endpoint=endpoint or os.environ.get("FLYTE_NATS_URL"),
        project=project or getattr(action, "project", None),
        domain=domain or getattr(action, "domain", None),
    )
    configure(found if found.endpoint else _without_client(found))


@Twinned
def init_passthrough(
    endpoint: str | None = None,
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    insecure: bool = False,
) -> None:
    """The same as `init` with an endpoint: NATS has no headers of a caller's to pass on."""
    init(endpoint=endpoint, org=org, project=project, domain=domain, insecure=insecure)


def configure(config: ClientConfig) -> None:
    """Use `config` from here on; a client for another one is closed."""
    global _config, _client
    if _client is not None and _client.config != config:
        _client.close_soon()
        _client = None
    _config = config
    pickles.use_source_root(config.root_dir)


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
        if name not in _HARMLESS and value not in (None, False):
            raise NotImplementedError(f"flyte.{where}({name}=…) is not supported yet: leave it out")


_HARMLESS = frozenset(
    (
        "log_level",
        "log_format",
        "user_log_level",
        "reset_root_logger",
        "sync_local_sys_paths",
        "batch_size",
        "rpc_retries",
        "disable_keyring",
        "load_plugin_type_transformers",
    )
)
"""Options that change nothing a user's program could rely on."""
