"""How to reach remote storage, as values; nothing acts upon them yet."""

import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self


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

    @classmethod
    def for_sandbox(cls) -> Self:
        """The storage of a sandbox on this machine."""
        return cls(endpoint="http://localhost:4566", access_key_id="minio", secret_access_key="miniostorage")


@dataclass(frozen=True, slots=True, kw_only=True)
class GCS(Storage):
    """Google Cloud Storage."""


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


def _said(*variables: str) -> str | None:
    return next((os.environ[variable] for variable in variables if os.environ.get(variable)), None)
