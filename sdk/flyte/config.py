"""The configuration as data: what the file and the variables of this machine say.

`Config.auto()` looks where `flyte.init_from_config()` looks, and `init_from_config` takes what it gives.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flyte._config import find_config_file, read_config_file
from flyte._config_file import option

__all__ = [
    "Config",
    "ImageConfig",
    "LocalConfig",
    "PlatformConfig",
    "TaskConfig",
    "auto",
    "get_config_file",
    "set_if_exists",
]


@dataclass(frozen=True, slots=True)
class PlatformConfig:
    """The section `admin`: where the control plane is, and how to speak to it."""

    endpoint: str | None = None
    insecure: bool = False
    insecure_skip_verify: bool = False
    ca_cert_file_path: str | None = None
    http_proxy_url: str | None = None
    disable_keyring: bool = False
    auth_mode: str | None = None
    command: tuple[str, ...] = ()
    proxy_command: tuple[str, ...] = ()
    client_id: str | None = None
    client_credentials_secret: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ()
    console_endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class TaskConfig:
    """The section `task`: where tasks and runs belong."""

    org: str | None = None
    project: str | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The section `image`."""

    builder: str | None = None
    registry: str | None = None
    image_refs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LocalConfig:
    """The section `local`."""

    persistence: bool = False
    tracked: bool = False
    tracked_strict: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """All sections, and the file that they are from."""

    platform: PlatformConfig = PlatformConfig()
    task: TaskConfig = TaskConfig()
    image: ImageConfig = ImageConfig()
    local: LocalConfig = LocalConfig()
    source: Path | None = None

    def with_params(
        self,
        platform: PlatformConfig | None = None,
        task: TaskConfig | None = None,
        image: ImageConfig | None = None,
    ) -> "Config":
        """The same with other sections where they are given."""
        return dataclasses.replace(
            self,
            platform=platform or self.platform,
            task=task or self.task,
            image=image or self.image,
        )

    @classmethod
    def auto(cls, config_file: str | Path | None = None) -> "Config":
        """What the file (the first one found, when none is named) and the variables say.

        Raises InitializationError for a named file that is not there, or one that cannot be read.
        """
        path = Path(config_file) if config_file else find_config_file()
        document = read_config_file(path) if path else {}
        return cls(
            platform=PlatformConfig(**_said(document, "admin", _PLATFORM)),
            task=TaskConfig(**_said(document, "task", _as_written("org", "project", "domain"))),
            image=ImageConfig(**_said(document, "image", _as_written("builder", "registry", "image_refs"))),
            local=LocalConfig(
                **_said(
                    document, "local", {name: name for name in ("persistence", "tracked", "tracked_strict")}
                )
            ),
            source=path,
        )


_PLATFORM = {
    "endpoint": "endpoint",
    "insecure": "insecure",
    "insecureSkipVerify": "insecure_skip_verify",
    "caCertFilePath": "ca_cert_file_path",
    "httpProxyURL": "http_proxy_url",
    "disableKeyring": "disable_keyring",
    "authType": "auth_mode",
    "command": "command",
    "proxyCommand": "proxy_command",
    "clientId": "client_id",
    "scopes": "scopes",
}
"""The options of `admin` as the file calls them, and as `PlatformConfig` does."""


def auto(config_file: str | Path | None = None) -> Config:
    """See `Config.auto`."""
    return Config.auto(config_file)


def get_config_file(c: str | Path | None = None) -> Path | None:
    """The file that would be read: the one that is named, else the first one found; None without one."""
    return Path(c) if c else find_config_file()


def set_if_exists(d: dict[str, Any], k: str, val: Any) -> dict[str, Any]:
    """`d` with `val` under `k`, unless the value says nothing (None, empty)."""
    return {**d, k: val} if isinstance(val, bool) or val else d


def _as_written(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _said(document: Mapping[str, Any], section: str, names: Mapping[str, str]) -> dict[str, Any]:
    """What is said of a section, by the names of our fields."""
    found: dict[str, Any] = {}
    for written, ours in names.items():
        value = option(document, section, written)
        found = set_if_exists(found, ours, tuple(value) if isinstance(value, list) else value)
    return found
