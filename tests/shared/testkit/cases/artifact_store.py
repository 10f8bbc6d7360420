"""What every store of artifacts does, whatever keeps the bytes."""

import asyncio

import pytest

from flyte_dataproxy.core.keys import ArtifactKey
from flyte_dataproxy.settings import CHUNK_BYTES
from flyte_dataproxy.store.port import ArtifactStore
from flyte_schemas.artifacts import NameDigest

CONTENT = b"some bytes" * 1000


def key_of(content: bytes, project: str = "robots") -> ArtifactKey:
    """The key of `content` in a project."""
    digest = NameDigest(len(content))
    digest.update(content)
    return ArtifactKey(project=project, domain="development", md5=digest.name())


async def store_object(store: ArtifactStore, key: ArtifactKey, content: bytes) -> None:
    """Write `content` under `key` in one piece."""
    async with store.writer(key) as writer:
        await writer.write(content)
        await writer.commit()


async def read_object(store: ArtifactStore, key: ArtifactKey) -> bytes:
    """All the bytes under `key`."""
    return b"".join([chunk async for chunk in store.read(key)])


async def size_of(store: ArtifactStore, key: ArtifactKey) -> int | None:
    """How many bytes lie under `key`; None when nothing does."""
    kept = await store.stat(key)
    return None if kept is None else kept.size_bytes


class ArtifactStoreCases:
    """Inherit, and give a fixture `store`: an empty `ArtifactStore`."""

    async def test_what_was_committed_is_read_back(self, store: ArtifactStore) -> None:
        key = key_of(CONTENT)
        async with store.writer(key) as writer:
            for start in range(0, len(CONTENT), 777):
                await writer.write(CONTENT[start : start + 777])
            await writer.commit()
        assert await size_of(store, key) == len(CONTENT)
        assert await read_object(store, key) == CONTENT

    async def test_an_empty_object_is_an_object(self, store: ArtifactStore) -> None:
        key = key_of(b"")
        await store_object(store, key, b"")
        assert await size_of(store, key) == 0
        assert await read_object(store, key) == b""

    async def test_a_large_object_comes_in_bounded_chunks(self, store: ArtifactStore) -> None:
        content = bytes(range(256)) * (CHUNK_BYTES // 100)
        key = key_of(content)
        await store_object(store, key, content)
        chunks = [chunk async for chunk in store.read(key)]
        assert b"".join(chunks) == content
        assert max(len(chunk) for chunk in chunks) <= CHUNK_BYTES

    async def test_any_part_of_an_object_is_read(self, store: ArtifactStore) -> None:
        content = bytes(range(256)) * (CHUNK_BYTES // 100)
        key = key_of(content)
        await store_object(store, key, content)
        size = len(content)
        for start, end in ((0, 1), (5, 5), (size - 1, size), (100, CHUNK_BYTES * 2 + 7), (0, size)):
            assert b"".join([chunk async for chunk in store.read(key, start, end)]) == content[start:end]

    async def test_nothing_is_there_before_the_commit(self, store: ArtifactStore) -> None:
        key = key_of(CONTENT)
        async with store.writer(key) as writer:
            await writer.write(CONTENT)
            assert await store.stat(key) is None
            await writer.commit()
            assert await size_of(store, key) == len(CONTENT)

    async def test_what_was_not_committed_never_appears(self, store: ArtifactStore) -> None:
        key = key_of(CONTENT)
        async with store.writer(key) as writer:
            await writer.write(CONTENT)
        assert await store.stat(key) is None

    async def test_what_failed_half_way_never_appears(self, store: ArtifactStore) -> None:
        key = key_of(CONTENT)
        with pytest.raises(ConnectionResetError):
            async with store.writer(key) as writer:
                await writer.write(CONTENT[:100])
                raise ConnectionResetError
        assert await store.stat(key) is None

    async def test_reading_what_is_not_there_is_a_key_error(self, store: ArtifactStore) -> None:
        with pytest.raises(KeyError):
            await read_object(store, key_of(CONTENT))

    async def test_of_ten_writers_at_once_all_succeed(self, store: ArtifactStore) -> None:
        key = key_of(CONTENT)
        await asyncio.gather(*(store_object(store, key, CONTENT) for _ in range(10)))
        assert await read_object(store, key) == CONTENT

    async def test_content_that_is_there_stays_when_other_content_of_its_size_claims_its_name(
        self, store: ArtifactStore
    ) -> None:
        key = key_of(CONTENT)
        await store_object(store, key, CONTENT)
        await store_object(store, key, CONTENT[::-1])
        assert await read_object(store, key) == CONTENT

    async def test_a_damaged_object_is_replaced(self, store: ArtifactStore) -> None:
        key = key_of(CONTENT)
        await store_object(store, key, CONTENT[:50])
        await store_object(store, key, CONTENT)
        assert await read_object(store, key) == CONTENT

    async def test_projects_do_not_share_objects(self, store: ArtifactStore) -> None:
        await store_object(store, key_of(CONTENT, "robots"), CONTENT)
        assert await store.stat(key_of(CONTENT, "humans")) is None
