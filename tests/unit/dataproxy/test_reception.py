"""Reception: only what has the announced size and digest gets a name."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_dataproxy.reception import receive
from flyte_dataproxy.store.memory import MemoryStore
from testkit.cases.artifact_store import CONTENT, key_of, read_object

KEY = key_of(CONTENT)


async def pieces(content: bytes, size: int = 100) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def test_what_was_announced_is_stored() -> None:
    store = MemoryStore()
    assert await receive(store, KEY, len(CONTENT), pieces(CONTENT)) is None
    assert await read_object(store, KEY) == CONTENT


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (CONTENT[:-1], "SizeMismatch"),
        (b"", "SizeMismatch"),
        (CONTENT + b"x", "TooLarge"),
        (CONTENT[::-1], "Md5Mismatch"),
    ],
)
async def test_anything_else_is_refused_and_leaves_nothing(content: bytes, code: str) -> None:
    store = MemoryStore()
    unwelcome = await receive(store, KEY, len(CONTENT), pieces(content))
    assert unwelcome is not None
    assert unwelcome.code == code
    assert await store.stat(KEY) is None


@given(st.lists(st.binary(max_size=30), max_size=6), st.integers(-2, 2), st.booleans())
async def test_an_object_is_stored_exactly_when_it_is_what_was_announced(
    chunks: list[bytes], off: int, is_same: bool
) -> None:
    async def sent() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    content, store = b"".join(chunks), MemoryStore()
    size = max(len(content) + off, 0)
    key = key_of(content if is_same else content + b"!")
    unwelcome = await receive(store, key, size, sent())
    kept = await store.stat(key)
    assert (unwelcome is None) == (is_same and size == len(content)) == (kept is not None)


async def test_it_stops_reading_at_the_first_byte_too_many() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 100

    unwelcome = await receive(MemoryStore(), KEY, 1000, endless())
    assert unwelcome is not None
    assert unwelcome.code == "TooLarge"
    assert read == 11


async def test_a_sender_that_breaks_off_is_heard_and_leaves_nothing() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield CONTENT[:500]
        raise ConnectionResetError

    store = MemoryStore()
    with pytest.raises(ConnectionResetError):
        await receive(store, KEY, len(CONTENT), broken())
    assert await store.stat(KEY) is None
