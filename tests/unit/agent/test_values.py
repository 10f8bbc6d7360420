"""Large values travel beside the log."""

import hashlib
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from flyte._runtime.offload import offload, restore
from flyte_schemas.literals import INLINE_LIMIT_BYTES, AnyLiteral, InlineLiteral, ReferencedLiteral


@dataclass(frozen=True)
class Stored:
    uri: str
    sha256: str
    size_bytes: int


class Store:
    """An artifact store in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def put(self, data: bytes, filename: str) -> Stored:
        digest = hashlib.sha256(data).hexdigest()
        uri = f"flyte://artifacts/p/d/{digest}"
        self.objects[uri] = data
        return Stored(uri, digest, len(data))

    async def get(self, uri: str, sha256: str, size_bytes: int) -> bytes:
        data = self.objects[uri]
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (sha256, size_bytes)
        return data


def inline(**values: object) -> dict[str, AnyLiteral]:
    return {name: InlineLiteral(value=value) for name, value in values.items()}


async def test_small_values_stay_where_they_are() -> None:
    store, values = Store(), inline(x=1, y="text", z=None)
    assert await offload(values, store) == values
    assert store.objects == {}


async def test_values_up_to_the_limit_stay_and_one_byte_more_does_not() -> None:
    store = Store()
    quotes = 2
    fits = inline(x="x" * (INLINE_LIMIT_BYTES - quotes))
    assert await offload(fits, store) == fits
    (literal,) = (await offload(inline(x="x" * (INLINE_LIMIT_BYTES - quotes + 1)), store)).values()
    assert isinstance(literal, ReferencedLiteral)
    assert literal.size_bytes == INLINE_LIMIT_BYTES + 1


async def test_the_largest_go_first_and_only_as_many_as_must() -> None:
    store = Store()
    moved = await offload(inline(small="s" * 10, large="l" * 60_000, middle="m" * 50_000), store)
    assert {name: literal.kind for name, literal in moved.items()} == {
        "small": "inline",
        "large": "reference",
        "middle": "inline",
    }


async def test_what_is_a_reference_already_is_not_stored_again() -> None:
    store = Store()
    once = await offload(inline(x="x" * 100_000), store)
    assert await offload(once, Store()) == once
    assert await restore(once, store) == inline(x="x" * 100_000)


@given(st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=30) | st.integers(0, 9), max_size=9)))
async def test_whatever_is_moved_comes_back_as_it_was(values: dict[str, object]) -> None:
    store, literals = Store(), inline(**values)
    assert await restore(await offload(literals, store, limit_bytes=40), store) == literals
