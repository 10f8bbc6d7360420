"""Objects in memory: the twin of the folder, for tests and simulations."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from flyte_dataproxy.core.keys import ArtifactKey
from flyte_dataproxy.settings import CHUNK_BYTES


class MemoryStore:
    """An `ArtifactStore` that is gone with its process."""

    def __init__(self) -> None:
        self._objects: dict[ArtifactKey, bytes] = {}

    async def stat(self, key: ArtifactKey) -> int | None:
        """See `ArtifactStore`."""
        content = self._objects.get(key)
        return None if content is None else len(content)

    @asynccontextmanager
    async def writer(self, key: ArtifactKey) -> AsyncIterator["_MemoryWriter"]:
        """See `ArtifactStore`."""
        yield _MemoryWriter(self._objects, key)

    async def read(self, key: ArtifactKey) -> AsyncIterator[bytes]:
        """See `ArtifactStore`."""
        content = self._objects[key]
        for start in range(0, len(content), CHUNK_BYTES):
            yield content[start : start + CHUNK_BYTES]


class _MemoryWriter:
    def __init__(self, objects: dict[ArtifactKey, bytes], key: ArtifactKey) -> None:
        self._objects = objects
        self._key = key
        self._content = bytearray()

    async def write(self, chunk: bytes) -> None:
        self._content += chunk

    async def commit(self) -> None:
        there = self._objects.get(self._key)
        if there is None or len(there) != len(self._content):
            self._objects[self._key] = bytes(self._content)
