"""How to reach remote storage: as `flyte.init(storage=…)` says, else as the variables of the process do.

A task on the stack is a process of its own, which has its variables (the executor's, the environment's
`env_vars`, the run's) and no `flyte.init`.
"""

import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from flyte import _reach

CONNECTIONS = 64
"""How many connections to one storage are open at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What holds for any storage: how often to try again, and after which pause."""

    retries: int = 3
    backoff: timedelta = timedelta(seconds=5)
    enable_debug: bool = False
    attach_execution_metadata: bool = True

    @classmethod
    def auto(cls) -> Self:
        """What the variables of this process say."""
        return cls()

    def get_fsspec_kwargs(self, anonymous: bool = False, **kwargs: Any) -> dict[str, Any]:
        """What the driver of fsspec takes; `kwargs` win."""
        return kwargs


@dataclass(frozen=True, slots=True, kw_only=True)
class S3(Storage):
    """Amazon S3, or what speaks its language."""

    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    region: str | None = None
    addressing_style: str | None = None

    @classmethod
    def auto(cls, region: str | None = None) -> Self:
        """What `FLYTE_AWS_…`, else `AWS_…` say; `region` wins."""
        return cls(
            endpoint=_said("FLYTE_AWS_ENDPOINT", "AWS_ENDPOINT_URL"),
            access_key_id=_said("FLYTE_AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
            secret_access_key=_said("FLYTE_AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
            region=region or _said("AWS_REGION", "AWS_DEFAULT_REGION"),
        )

    def get_fsspec_kwargs(self, anonymous: bool = False, **kwargs: Any) -> dict[str, Any]:
        """What `s3fs` takes. Without keys it looks for them as the AWS tools do; `anonymous` uses none."""
        client = {"endpoint_url": self.endpoint, "region_name": self.region}
        s3 = {"addressing_style": self.addressing_style} if self.addressing_style else None
        config: dict[str, Any] = {
            "retries": {"max_attempts": self.retries, "mode": "standard"},
            "max_pool_connections": CONNECTIONS,
        }
        found: dict[str, Any] = {
            "client_kwargs": {name: value for name, value in client.items() if value},
            "config_kwargs": {**config, **({"s3": s3} if s3 else {})},
        }
        if anonymous:
            found["anon"] = True
        elif self.access_key_id:
            found |= {"key": self.access_key_id, "secret": self.secret_access_key}
        return found | kwargs

    @classmethod
    def for_sandbox(cls) -> Self:
        """The storage of a sandbox on this machine."""
        return cls(endpoint="http://localhost:4566", access_key_id="minio", secret_access_key="miniostorage")


@dataclass(frozen=True, slots=True, kw_only=True)
class GCS(Storage):
    """Google Cloud Storage, with the credentials that its own tools find."""

    def get_fsspec_kwargs(self, anonymous: bool = False, **kwargs: Any) -> dict[str, Any]:
        """What `gcsfs` takes."""
        return ({"token": "anon"} if anonymous else {}) | kwargs


@dataclass(frozen=True, slots=True, kw_only=True)
class ABFS(Storage):
    """Azure Blob Storage."""

    account_name: str | None = None
    account_key: str | None = field(default=None, repr=False)
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)

    @classmethod
    def auto(cls) -> Self:
        """What `AZURE_…` say."""
        return cls(
            account_name=_said("AZURE_STORAGE_ACCOUNT_NAME"),
            account_key=_said("AZURE_STORAGE_ACCOUNT_KEY"),
            tenant_id=_said("AZURE_TENANT_ID"),
            client_id=_said("AZURE_CLIENT_ID"),
            client_secret=_said("AZURE_CLIENT_SECRET"),
        )

    def get_fsspec_kwargs(self, anonymous: bool = False, **kwargs: Any) -> dict[str, Any]:
        """What `adlfs` takes."""
        names = ("account_name", "account_key", "tenant_id", "client_id", "client_secret")
        found: dict[str, Any] = {name: value for name in names if (value := getattr(self, name))}
        if anonymous:
            found = {"account_name": self.account_name, "anon": True}
        return found | kwargs


_OF_PROTOCOL: dict[str, type[Storage]] = {
    "s3": S3,
    "s3a": S3,
    "gs": GCS,
    "gcs": GCS,
    "abfs": ABFS,
    "abfss": ABFS,
    "az": ABFS,
}


def storage_of(protocol: str | None) -> Storage:
    """How a protocol is reached: as `init` was told when that is of its kind, else as variables say."""
    kind = _OF_PROTOCOL.get(protocol or "", Storage)
    said = _reach.storage()
    if isinstance(said, kind):
        return said
    return kind.auto()


def fsspec_options(protocol: str | None, anonymous: bool = False) -> dict[str, Any]:
    """What the driver of a protocol is given."""
    if protocol not in _OF_PROTOCOL:
        return {}
    return storage_of(protocol).get_fsspec_kwargs(anonymous)


def _said(*variables: str) -> str | None:
    return next((os.environ[variable] for variable in variables if os.environ.get(variable)), None)
