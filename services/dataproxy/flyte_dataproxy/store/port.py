"""The ports of storage: objects as this service holds them, and locations as a client is told them.

They are apart, because a store like S3 signs URLs of its own and takes the bytes itself: it fills
`ArtifactLocations` alone. A store that is ours to serve fills `ArtifactStore`, and `served` puts our own HTTP
server's locations in front of it. Every store fills `ArtifactKeep`, for the garbage collection.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from flyte_dataproxy.core.keys import ArtifactKey, Content


class StoreFailed(Exception):
    """The store did not do what was asked, and may do so later."""


class StoreUnusable(Exception):
    """The store will never do what is asked of it, as it is configured: keys, bucket, region, clock."""


class UploadLost(Exception):
    """An upload in parts cannot be completed: it must begin anew."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An object that is there. `modified`: seconds since the epoch."""

    key: ArtifactKey
    size_bytes: int
    modified: float


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

    async def stat(self, key: ArtifactKey) -> Kept | None:
        """The object; None when it is not there."""
        ...

    async def touch(self, key: ArtifactKey) -> None:
        """Make the object as young as one that was stored now; nothing happens when it is not there."""
        ...

    def writer(self, key: ArtifactKey) -> AbstractAsyncContextManager[ObjectWriter]:
        """Write an object. Leaving the block without `commit` leaves nothing behind."""
        ...

    def read(self, key: ArtifactKey, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The object's bytes from `start` up to and without `end`, in chunks.

        Raises KeyError when it is not there.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Send or fetch the bytes at `url`, with `headers`, before `expires_at`."""

    url: str
    expires_at: datetime
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """Where part `number` (from 1) goes to."""

    number: int
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """How an object is sent: at once to `location`, or in `parts` that `complete` makes one object of."""

    location: Location | None = None
    upload_id: str | None = None
    parts: tuple[Part, ...] = ()
    expires_at: datetime | None = None


class ArtifactLocations(Protocol):
    """Where a client may put an object or get it from. All raise StoreFailed."""

    async def stat(self, key: ArtifactKey) -> Kept | None:
        """The object; None when it is not there."""
        ...

    async def touch(self, key: ArtifactKey) -> None:
        """Make the object as young as one that was stored now; nothing happens when it is not there."""
        ...

    async def upload(self, content: Content, upload_id: str | None, wanted: tuple[int, ...]) -> Upload:
        """Where this content, and nothing else, may be `PUT`; the parts that are `wanted`, else all.

        `upload_id` goes on with an upload that was begun before.
        """
        ...

    async def complete(self, content: Content, upload_id: str) -> None:
        """Make the parts one object, which is visible from then on. Harmless when it is there already.

        Raises UploadLost when parts are missing, or the upload is not known any more.
        """
        ...

    async def download_location(self, key: ArtifactKey, size_bytes: int) -> Location:
        """Where the object, which has `size_bytes` bytes, may be got with `GET`."""
        ...


class ArtifactKeep(Protocol):
    """What is kept, for those who tidy up and look after it. All raise StoreFailed or OSError."""

    async def trouble(self) -> str:
        """Why nothing could be kept just now; the empty text when it could."""
        ...

    async def stat(self, key: ArtifactKey) -> Kept | None:
        """The object; None when it is not there."""
        ...

    def kept(self, after: str = "") -> AsyncIterator[Kept]:
        """All objects that have names of ours, in the order of their paths, behind the path `after`."""
        ...

    async def remove(self, key: ArtifactKey) -> None:
        """Remove an object; nothing happens when it is not there."""
        ...

    async def remove_unfinished(self, before: float, *, apply: bool) -> int:
        """How many uploads were begun before that time (seconds since the epoch) and not completed.

        With `apply` they are removed.
        """
        ...
