"""A key-value bucket as one connection sees it."""

from collections.abc import AsyncGenerator

from flyte_bus.memory.bucket import MemoryBucket
from flyte_bus.memory.link import Link
from flyte_bus.ports import KeyEntry
from flyte_schemas.streams import BucketSpec


class MemoryKeyValue:
    """Fills `KeyValue`."""

    def __init__(self, link: Link, spec: BucketSpec) -> None:
        self._link = link
        self._spec = spec

    async def get(self, key: str) -> KeyEntry | None:
        """See `KeyValue.get`."""
        return (await self._reach()).get(key)

    async def put(self, key: str, value: bytes, *, ttl_s: int | None = None) -> int:
        """See `KeyValue.put`."""
        _check(ttl_s)
        return (await self._reach()).put(key, value, ttl_s)

    async def create(self, key: str, value: bytes, *, ttl_s: int | None = None) -> int:
        """See `KeyValue.create`."""
        _check(ttl_s)
        return (await self._reach()).create(key, value, ttl_s)

    async def update(self, key: str, value: bytes, *, revision: int, ttl_s: int | None = None) -> int:
        """See `KeyValue.update`."""
        _check(ttl_s)
        return (await self._reach()).update(key, value, revision, ttl_s)

    async def delete(self, key: str) -> None:
        """See `KeyValue.delete`."""
        bucket = await self._reach()
        if bucket.get(key) is not None:
            bucket.put(key, None)

    async def watch(self, keys: str = ">") -> AsyncGenerator[KeyEntry]:
        """See `KeyValue.watch`."""
        bucket = await self._reach()
        watch = bucket.watch(keys)
        try:
            while self._link.is_there or await self._link.outlast():
                bucket.expire()
                while watch.unseen and self._link.is_there:
                    yield watch.unseen.popleft()
                if self._link.is_there:
                    bucket.arm()
                    await self._link.wait(watch.changed)
        finally:
            bucket.unwatch(watch)

    async def _reach(self) -> MemoryBucket:
        await self._link.reach()
        return self._link.server.bucket(self._spec.name)


def _check(ttl_s: int | None) -> None:
    """Raises ValueError for a time to live that the server would refuse."""
    if ttl_s is not None and (ttl_s != int(ttl_s) or ttl_s < 1):
        raise ValueError(f"a time to live is whole seconds, at least 1, not {ttl_s}")
