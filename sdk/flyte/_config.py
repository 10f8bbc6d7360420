"""Where the control plane is, and in whose name we speak: from arguments, variables, a file, a running stack.

In this order: what the caller says, `FLYTE_ADMIN_ENDPOINT`, `FLYTE_TASK_PROJECT`, `FLYTE_TASK_DOMAIN`, the
first configuration file found, and for the address the embedded stack that runs on this machine.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flyte import errors
from flyte._stack import Stack, find_stack
from flyte_schemas.words import is_name

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


def make_config(
    *,
    endpoint: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    root_dir: Path | None = None,
    file: Path | None = None,
    look_around: bool = True,
) -> ClientConfig:
    """Put a configuration together; `look_around` allows files and stacks that nobody named.

    Raises InitializationError for a named file that is not there or cannot be read, ValueError for bad names.
    """
    path = file or (find_config_file() if look_around else None)
    document = read_config_file(path) if path else {}
    admin, task = _section(document, "admin"), _section(document, "task")
    address = endpoint or os.environ.get("FLYTE_ADMIN_ENDPOINT") or str(admin.get("endpoint") or "")
    stack = find_stack() if look_around or address else None
    source = str(path) if path else ""
    user, password = os.environ.get("FLYTE_NATS_USER", ""), os.environ.get("FLYTE_NATS_PASSWORD", "")
    if address:
        address = nats_url(address)
    elif stack is not None:
        address, source = stack.nats_url, f"the stack in {stack.home}"
    if stack is not None and _is_stacks(address, stack):
        user, password = stack.nats_user, stack.nats_password
    return ClientConfig(
        endpoint=address,
        user=user,
        password=password,
        project=_name("project", project, "FLYTE_TASK_PROJECT", task.get("project"), DEFAULT_PROJECT),
        domain=_name("domain", domain, "FLYTE_TASK_DOMAIN", task.get("domain"), DEFAULT_DOMAIN),
        root_dir=root_dir.absolute() if root_dir else None,
        source=source,
    )


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
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
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

    Raises ValueError for a scheme that NATS does not speak.
    """
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


def _section(document: dict[str, Any], name: str) -> dict[str, Any]:
    section = document.get(name)
    return section if isinstance(section, dict) else {}


def _name(what: str, given: str | None, variable: str, written: object, default: str) -> str:
    name = given or os.environ.get(variable) or (str(written) if written else "") or default
    if not is_name(name):
        raise ValueError(f"{what} {name!r} is not allowed: no dots, wildcards or white space")
    return name


def _is_stacks(address: str, stack: Stack) -> bool:
    return urlsplit(address).netloc.rpartition("@")[2] == urlsplit(stack.nats_url).netloc.rpartition("@")[2]
