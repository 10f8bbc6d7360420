"""Where the control plane is, and in whose name we speak: from arguments, variables, a file, a running stack.

In this order: what the caller says, variables (`FLYTE_<SECTION>_<OPTION>`, `FLYTE_API_KEY`), the first
configuration file found, and for the address the embedded stack that runs on this machine.
"""

import base64
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flyte import errors
from flyte._config_file import option, variable_of
from flyte._stack import Stack, find_stack
from flyte_schemas.addresses import console_address
from flyte_schemas.names import is_name

DEFAULT_PROJECT = "default"
DEFAULT_DOMAIN = "development"

_SCHEMES = {"dns": "nats", "nats": "nats", "tls": "tls", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """A client's configuration; without `endpoint` there is no client. `source` says where it comes from."""

    endpoint: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    project: str = DEFAULT_PROJECT
    domain: str = DEFAULT_DOMAIN
    root_dir: Path | None = None
    source: str = ""
    org: str = ""
    ca_file: str = ""
    """Who vouches for the control plane, unless the bus's variable says it."""
    creds_file: str = ""
    """By which the control plane knows us, unless the bus's variable or a user and a password say it."""
    console_url: str = ""
    """Where the web page is; empty without one."""
    image_builder: str = ""
    image_registry: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    storage: Any = field(default=None, repr=False)
    """How remote storage is reached: a `flyte.storage.Storage`, or None for what variables say."""
    sync_sys_paths: bool = True
    """Whether tasks get the folders of this process's `sys.path` that lie below the root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What a key says."""

    endpoint: str
    user: str
    password: str = field(repr=False)


def make_config(
    *,
    endpoint: str | None = None,
    user: str | None = None,
    password: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    root_dir: Path | None = None,
    file: Path | None = None,
    image_builder: str | None = None,
    images: Mapping[str, str] | None = None,
    image_registry: str | None = None,
    ca_file: str | None = None,
    look_around: bool = True,
) -> ClientConfig:
    """Put a configuration together; `look_around` allows files and stacks that nobody named.

    Raises InitializationError for a named file that is not there or cannot be read, ValueError for bad names
    and for variables that do not fit.
    """
    path = file or (find_config_file() if look_around else None)
    document = read_config_file(path) if path else {}
    key = _key_of_variables() if look_around and not endpoint else None
    address = endpoint or (key.endpoint if key else "") or str(option(document, "admin", "endpoint") or "")
    stack = find_stack() if look_around or address else None
    source = str(path) if path else ""
    if address:
        address = nats_url(address)
    elif stack is not None:
        address, source = stack.nats_url, f"the stack in {stack.home}"
    user, password = _credentials(document, key, user, password)
    console, creds_file = console_address(str(option(document, "console", "endpoint") or "")), ""
    if stack is not None and _is_stacks(address, stack):
        console = console or stack.console_url
        if not user:
            user, password, creds_file = stack.nats_user, stack.nats_password, stack.nats_credentials
    return ClientConfig(
        endpoint=address,
        user=user,
        password=password,
        project=_name("project", project, option(document, "task", "project"), DEFAULT_PROJECT),
        domain=_name("domain", domain, option(document, "task", "domain"), DEFAULT_DOMAIN),
        root_dir=root_dir.absolute() if root_dir else None,
        source=source,
        org=str(option(document, "task", "org") or ""),
        ca_file=ca_file or str(option(document, "admin", "caCertFilePath") or ""),
        console_url=console,
        creds_file=creds_file,
        image_builder=image_builder or str(option(document, "image", "builder") or ""),
        image_registry=image_registry or str(option(document, "image", "registry") or ""),
        images=dict(option(document, "image", "image_refs") or {}) | dict(images or {}),
    )


def parse_api_key(text: str) -> ApiKey:
    """A key: base64 of `endpoint:user:password:org`. Raises ValueError."""
    try:
        endpoint, user, password, _ = base64.b64decode(text, validate=True).decode().rsplit(":", 3)
    except ValueError as error:
        raise ValueError("the API key is not base64 of endpoint:user:password:org") from error
    return ApiKey(endpoint=endpoint, user=user, password=password)


def _key_of_variables() -> ApiKey | None:
    key = os.environ.get("FLYTE_API_KEY")
    return parse_api_key(key) if key and not os.environ.get(variable_of("admin", "endpoint")) else None


def _credentials(
    document: Mapping[str, Any], key: ApiKey | None, user: str | None, password: str | None
) -> tuple[str, str]:
    """The bus's user and password: given, of the bus's variables, of a key, of the file."""
    found = user or os.environ.get("FLYTE_NATS_USER", "") or (key.user if key else "")
    secret = password or os.environ.get("FLYTE_NATS_PASSWORD", "") or (key.password if key else "")
    if not secret and (variable := option(document, "admin", "clientSecretEnvVar")):
        secret = os.environ.get(str(variable), "")
    if not secret and (place := option(document, "admin", "clientSecretLocation")):
        secret = _secret_in(Path(str(place)).expanduser())
    return found or str(option(document, "admin", "clientId") or ""), secret


def _secret_in(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise errors.InitializationError(
            "ClientSecretInvalidError", "user", f"admin.clientSecretLocation {path} cannot be read: {error}"
        ) from error


def find_config_file() -> Path | None:
    """The first configuration file that exists, in the order that Flyte's users know."""
    return next((path for path in _candidates() if path.is_file()), None)


def read_config_file(path: Path) -> dict[str, Any]:
    """The YAML document at `path`. Raises InitializationError."""
    import yaml

    try:
        document = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise errors.InitializationError(
            "ConfigFileNotFoundError", "user", f"there is no configuration file {path}"
        ) from error
    # The last ones come of `!!int x`, which PyYAML does not look at first, and of 1,000 brackets.
    except (
        OSError,
        ValueError,
        yaml.YAMLError,
        AttributeError,
        LookupError,
        TypeError,
        RecursionError,
    ) as error:
        raise errors.InitializationError(
            "ConfigFileInvalidError", "user", f"configuration file {path} cannot be read: {error}"
        ) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise errors.InitializationError(
            "ConfigFileInvalidError", "user", f"configuration file {path} must hold sections (admin:, task:)"
        )
    return document


def nats_url(endpoint: str) -> str:
    """An endpoint as users write it (`dns:///host`, `host:4222`, `nats://…`) as a NATS address.

    Several servers of a cluster stand with commas between them. Raises ValueError for a scheme that NATS does
    not speak.
    """
    return ",".join(_nats_address(part) for part in endpoint.split(","))


def _nats_address(endpoint: str) -> str:
    text = endpoint.strip()
    if "://" not in text:
        text = f"nats://{text}"
    text = text.replace(":///", "://", 1)
    parts = urlsplit(text)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise ValueError(f"endpoint {endpoint!r} is no NATS address: write e.g. nats://127.0.0.1:4222")
    return parts._replace(scheme=_SCHEMES[parts.scheme]).geturl()


def _candidates() -> Iterator[Path]:
    here = Path.cwd()
    yield here / "config.yaml"
    yield here / ".flyte" / "config.yaml"
    for folder in (here, *here.parents):
        if (folder / ".git").exists():
            yield folder / ".flyte" / "config.yaml"
            break
    for variable in ("UCTL_CONFIG", "FLYTECTL_CONFIG"):
        if os.environ.get(variable):
            yield Path(os.environ[variable])
    yield Path.home() / ".union" / "config.yaml"
    yield Path.home() / ".flyte" / "config.yaml"


def _name(what: str, given: str | None, written: object, default: str) -> str:
    name = given or (str(written) if written else "") or default
    if not is_name(name):
        raise ValueError(f"{what} {name!r} is not allowed: no dots, wildcards or white space")
    return name


def _is_stacks(address: str, stack: Stack) -> bool:
    return urlsplit(address).netloc.rpartition("@")[2] == urlsplit(stack.nats_url).netloc.rpartition("@")[2]
