"""Secrets in an encrypted file of this machine's home: the store of a stack without a cluster."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from flyte_bus.secrets.file import SecretFile, SecretFileUnusable, SecretName
from flyte_executor.secrets.port import StoreRefuses
from flyte_schemas.secrets import SecretContent, SecretScope, SecretSummary


class FileStore:
    """Fills `SecretStore` with a `SecretFile` below a folder."""

    name = "file"

    def __init__(self, folder: Path) -> None:
        self._file = SecretFile(folder)

    async def put(self, content: SecretContent, now: datetime) -> bool:
        """See `SecretStore.put`."""
        if content.type == "image_pull":
            raise StoreRefuses(
                "secrets of type image_pull are for Kubernetes: here docker pulls images, with what "
                "`docker login` has told it"
            )
        try:
            return await asyncio.to_thread(self._file.put, content, now)
        except SecretFileUnusable as error:
            raise StoreRefuses(str(error)) from error

    async def delete(self, scope: SecretScope, group: str | None, key: str) -> bool:
        """See `SecretStore.delete`."""
        try:
            return await asyncio.to_thread(self._file.delete, SecretName(scope, group, key))
        except SecretFileUnusable as error:
            raise StoreRefuses(str(error)) from error

    async def visible(self, scopes: Sequence[SecretScope]) -> list[SecretSummary]:
        """See `SecretStore.visible`."""
        try:
            kept = await asyncio.to_thread(self._file.read)
        except SecretFileUnusable as error:
            raise StoreRefuses(str(error)) from error
        return [one.summary for name, one in kept.items() if name.scope in scopes]

    async def find(self, scopes: Sequence[SecretScope], group: str | None, key: str) -> bytes | None:
        """See `SecretStore.find`."""
        try:
            kept = await asyncio.to_thread(self._file.read)
        except SecretFileUnusable as error:
            raise StoreRefuses(str(error)) from error
        names = (SecretName(scope, group, key) for scope in scopes)
        return next((kept[name].value for name in names if name in kept), None)
