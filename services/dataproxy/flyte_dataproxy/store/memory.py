"""Objects in memory: the twin of the folder, for tests and simulations."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from flyte_dataproxy.core.keys import ArtifactKey
from flyte_dataproxy.settings import CHUNK_BYTES
from flyte_dataproxy.store.port import Kept


class MemoryStore:
    """An `ArtifactStore` and `ArtifactKeep` that is gone with its process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._objects: dict[ArtifactKey, tuple[bytes, float]] = {}
        self._clock = clock

    async def trouble(self) -> str:
        """See `ArtifactKeep`."""
        return ""

    async def stat(self, key: ArtifactKey) -> Kept | None:
        """See `ArtifactStore`."""
        if key not in self._objects:
            return None
        content, modified = self._objects[key]
        return Kept(key, len(content), modified)

    async def touch(self, key: ArtifactKey) -> None:
        """See `ArtifactStore`."""
        if key in self._objects:
            self._objects[key] = (self._objects[key][0], self._clock())

    @asynccontextmanager
    async def writer(self, key: ArtifactKey) -> AsyncIterator["_MemoryWriter"]:
        """See `ArtifactStore`."""
        yield _MemoryWriter(self._objects, key, self._clock)

    async def read(self, key: ArtifactKey, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `ArtifactStore`."""
        content = memoryview(self._objects[key][0])[start:end]
        for begin in range(0, len(content), CHUNK_BYTES):
            yield bytes(content[begin : begin + CHUNK_BYTES])

    async def kept(self, after: str = "") -> AsyncIterator[Kept]:
        """See `ArtifactKeep`."""
        for key, (content, modified) in sorted(self._objects.items(), key=lambda item: item[0].path):
            if key.path > after:
                yield Kept(key, len(content), modified)

    async def remove(self, key: ArtifactKey) -> None:
        """See `ArtifactKeep`."""
        self._objects.pop(key, None)

    async def remove_unfinished(self, before: float, *, apply: bool) -> int:
        """See `ArtifactKeep`: nothing of what is not committed is anywhere."""
        return 0


class _MemoryWriter:
    def __init__(
        self, objects: dict[ArtifactKey, tuple[bytes, float]], key: ArtifactKey, clock: Callable[[], float]
    ) -> None:
        self._objects = objects
        self._key = key
        self._clock = clock
        self._content = bytearray()

    async def write(self, chunk: bytes) -> None:
        self._content += chunk

    async def commit(self) -> None:
        there, _ = self._objects.get(self._key, (None, 0.0))
        if there is None or len(there) != len(self._content):
            there = bytes(self._content)
        self._objects[self._key] = (there, self._clock())
