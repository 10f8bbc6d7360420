"""Set up this process: `flyte.init` and its relatives.

What an option would do that this version does not have, it refuses; what has no meaning to NATS (`org`,
`insecure`, `headless`, `auth_type`, keyrings and numbers of tries) is taken and changes nothing.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyte import errors
from flyte._config import ClientConfig, make_config, parse_api_key
from flyte._logger import set_up as set_up_logging
from flyte._reach import NO_CLIENT_HINT
from flyte._runtime.context import ctx
from flyte._session import configure
from flyte._twins import Twinned

if TYPE_CHECKING:
    from flyte.config import Config


def _init(
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
    command: list[str] | None = None,
    proxy_command: list[str] | None = None,
    api_key: str | None = None,
    client_id: str | None = None,
    client_credentials_secret: str | None = None,
    auth_client_config: Any = None,
    rpc_retries: int = 3,
    http_proxy_url: str | None = None,
    disable_keyring: bool = False,
    storage: Any = None,
    batch_size: int = 1000,
    image_builder: str = "local",
    images: Mapping[str, str] | None = None,
    image_registry: str | None = None,
    source_config_path: str | Path | None = None,
    sync_local_sys_paths: bool = True,
    load_plugin_type_transformers: bool = True,
    local_persistence: bool = False,
    local_tracked: bool = False,
    local_tracked_strict: bool = False,
) -> None:
    """Set up this process. With an `endpoint` (a NATS address), runs go there; without, they are local.

    `client_id` and `client_credentials_secret` are the bus's user and password; `api_key` holds endpoint and
    both. Raises ValueError for a bad address, name, key or level, NotImplementedError for an option that this
    version does not have.
    """
    _refuse("init", locals())
    set_up_logging(log_level, log_format, user_log_level, reset_root_logger)
    key = parse_api_key(api_key) if api_key else None
    found = make_config(
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
        ca_file=ca_cert_file_path,
        look_around=False,
    )
    configure(replace(found, sync_sys_paths=sync_local_sys_paths, storage=_storage(storage)))


def _init_from_config(
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
    _refuse("init_from_config", locals())
    set_up_logging(log_level, log_format, user_log_level)
    file, endpoint = path_or_config, None
    if file is not None and not isinstance(file, str | Path):
        given: Config = file
        project, domain = project or given.task.project, domain or given.task.domain
        endpoint, file = given.platform.endpoint, given.source
        image_builder, images = image_builder or given.image.builder, images or given.image.image_refs
    found = make_config(
        endpoint=endpoint,
        file=Path(file) if file else None,
        project=project,
        domain=domain,
        root_dir=Path(root_dir) if root_dir else None,
        image_builder=image_builder,
        images=images,
    )
    _connect(replace(found, sync_sys_paths=sync_local_sys_paths, storage=_storage(storage)))


def _init_from_api_key(
    api_key: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    root_dir: str | Path | None = None,
    log_level: int | str | None = None,
    log_format: str | None = None,
    storage: Any = None,
    batch_size: int = 1000,
    image_builder: str = "local",
    images: Mapping[str, str] | None = None,
    sync_local_sys_paths: bool = True,
) -> None:
    """Set up this process from a key (else `FLYTE_API_KEY`): base64 of `endpoint:user:password:org`.

    Raises InitializationError (`MissingApiKeyError`) when there is none, ValueError for one that is no key.
    """
    key = api_key or os.environ.get("FLYTE_API_KEY")
    if not key:
        raise errors.InitializationError(
            "MissingApiKeyError", "user", "there is no API key: pass api_key, or set FLYTE_API_KEY"
        )
    _refuse("init_from_api_key", locals())
    _init(
        project=project,
        domain=domain,
        root_dir=root_dir,
        log_level=log_level,
        log_format=log_format,
        storage=storage,
        api_key=key,
        image_builder=image_builder,
        images=images,
        sync_local_sys_paths=sync_local_sys_paths,
    )


def _init_in_cluster(
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
    key = parse_api_key(api_key) if api_key else None
    found = make_config(
        endpoint=endpoint or (key.endpoint if key else None) or os.environ.get("FLYTE_NATS_URL"),
        user=key.user if key else None,
        password=key.password if key else None,
        project=project or getattr(action, "project", None),
        domain=domain or getattr(action, "domain", None),
    )
    _connect(found)


def _init_passthrough(
    endpoint: str | None = None,
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    insecure: bool = False,
) -> None:
    """The same as `init` with an endpoint: NATS has no headers of a caller's to pass on."""
    _init(endpoint=endpoint, org=org, project=project, domain=domain, insecure=insecure)


init = Twinned(_init)
init_from_config = Twinned(_init_from_config)
init_from_api_key = Twinned(_init_from_api_key)
init_in_cluster = Twinned(_init_in_cluster)
init_passthrough = Twinned(_init_passthrough)


def _connect(config: ClientConfig) -> None:
    """Use a configuration that must name a control plane. Raises InitializationError."""
    if config.endpoint:
        configure(config)
        return
    where = f"{config.source} has no admin.endpoint" if config.source else "there is no configuration file"
    raise errors.InitializationError(
        "EndpointNotConfiguredError" if config.source else "ConfigFileNotFoundError",
        "user",
        f"{where}, and no stack runs on this machine: {NO_CLIENT_HINT}",
    )


_REFUSED = (
    "insecure_skip_verify",
    "command",
    "proxy_command",
    "auth_client_config",
    "http_proxy_url",
    "local_persistence",
    "local_tracked",
    "local_tracked_strict",
)
"""Options that this version does not have."""


def _storage(given: Any) -> Any:
    """Raises TypeError for what does not say how storage is reached."""
    if given is None:
        return None
    from flyte.storage import Storage

    if not isinstance(given, Storage):
        raise TypeError(f"storage is a flyte.storage.S3, GCS or ABFS, not {type(given).__name__}")
    return given


def _refuse(where: str, given: Mapping[str, Any]) -> None:
    for name in _REFUSED:
        if given.get(name):
            raise NotImplementedError(f"flyte.{where}({name}=…) is not supported yet: leave it out")
