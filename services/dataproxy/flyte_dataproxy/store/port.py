"""The ports of storage: objects as this service holds them, and locations as a client is told them.

They are two, because a store like S3 signs URLs of its own and takes the bytes itself: it fills
`ArtifactLocations` alone. A store that is ours to serve fills `ArtifactStore`, and `served` puts our own HTTP
server's locations in front of it.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from flyte_dataproxy.core.keys import ArtifactKey


class ObjectWriter(Protocol):
    """An object on its way in, invisible until `commit`."""

    async def write(self, chunk: bytes) -> None: ...

    async def commit(self) -> None:
        """Make the object visible, durably and as a whole.

        An object of the same size that is there already stays: content is the name, so it is the same; and
        whoever relies on it keeps what they have. One of another size is damaged, and is replaced.
        """
        ...


class ArtifactStore(Protocol):
    """Objects by key. OSError is the disk's own."""

    async def stat(self, key: ArtifactKey) -> int | None:
        """The object's size in bytes; None when it is not there."""
        ...

    def writer(self, key: ArtifactKey) -> AbstractAsyncContextManager[ObjectWriter]:
        """Write an object. Leaving the block without `commit` leaves nothing behind."""
        ...

    def read(self, key: ArtifactKey) -> AsyncIterator[bytes]:
        """The object's bytes in chunks. Raises KeyError when it is not there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Send or fetch the bytes at `url`, with `headers`, before `expires_at`."""

    url: str
    expires_at: datetime
    headers: dict[str, str] = field(default_factory=dict)


class ArtifactLocations(Protocol):
    """Where a client may put an object or get it from."""

    async def stat(self, key: ArtifactKey) -> int | None:
        """The object's size in bytes; None when it is not there."""
        ...

    async def upload_location(self, key: ArtifactKey, size_bytes: int) -> Location:
        """Where `size_bytes` bytes whose MD5 is the key's may be `PUT`."""
        ...

    async def download_location(self, key: ArtifactKey, size_bytes: int) -> Location:
        """Where the object, which has `size_bytes` bytes, may be got with `GET`."""
        ...
