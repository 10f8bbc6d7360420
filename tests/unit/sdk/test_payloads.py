"""Large payloads within values: they lie elsewhere, and come back as they were."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy
import pytest

import flyte
from flyte._runtime import convert
from flyte._runtime.contents import BytesSource, Sink, Source
from flyte._runtime.offload import is_elsewhere, restore
from flyte._runtime.payloads import LARGE_BYTES
from flyte._runtime.publishing import published
from flyte._runtime.transfer import StoredObject
from flyte.errors import InlineIOMaxBytesBreached
from flyte_schemas.literals import InlineLiteral

ENV = flyte.TaskEnvironment(name="env")
LARGE = bytes(range(256)) * 1000
SMALL = b"small" * 10


class Store:
    """An artifact store in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def put(self, data: bytes, filename: str) -> StoredObject:
        return await self.put_source(BytesSource(data), filename)

    async def put_source(self, source: Source, filename: str) -> StoredObject:
        data = b"".join(source.pieces(0, source.size_bytes))
        uri = f"flyte://artifacts/p/d/{hashlib.md5(data).hexdigest()}"
        self.objects[uri] = data
        digest = hashlib.sha256(data).hexdigest()
        return StoredObject(uri=uri, sha256=digest, md5=uri[-32:], size_bytes=len(data), uploaded=True)

    async def get(self, uri: str, sha256: str, size_bytes: int) -> bytes:
        data = self.objects[uri]
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (sha256, size_bytes)
        return data

    async def get_into(self, uri: str, sha256: str, size_bytes: int, sink: Sink) -> None:
        sink.write_at(0, memoryview(await self.get(uri, sha256, size_bytes)))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    store = Store()
    monkeypatch.setattr("flyte._store.artifacts", lambda: store)
    yield store


@dataclass
class Record:
    name: str
    content: bytes


async def there_and_back(annotation: Any, value: Any, store: Store) -> tuple[InlineLiteral, Any]:
    """What travels of a value, and what comes of that."""

    async def task(x: Any) -> None: ...

    task.__annotations__["x"] = annotation
    interface = ENV.task(task).native_interface
    sent = published(lambda: convert.inputs_to_wire(interface, {"x": value}))
    literal = InlineLiteral.model_validate_json(sent["x"].model_dump_json())
    got = convert.inputs_from_wire(interface, await restore({"x": literal}, store))
    return literal, got["x"]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (bytes, LARGE),
        (bytearray, bytearray(LARGE)),
        (bytes | None, LARGE),
        (list[bytes], [LARGE, SMALL, LARGE[::-1], LARGE]),
        (dict[str, bytes], {"$payload": LARGE, "$dict": SMALL}),
        (Record, Record("one", LARGE)),
        (bytes | Record, Record("one", LARGE)),
        (bytes | Record, LARGE),
        (Any, {"$payload": {"uri": "no", "sha256": "place", "size_bytes": 1}}),
        (Any, [LARGE]),
    ],
    ids=[
        "bytes",
        "bytearray",
        "optional",
        "list",
        "dict",
        "record",
        "union",
        "union of bytes",
        "look-alike",
        "any",
    ],
)
async def test_what_is_large_comes_back_as_it_was(annotation: Any, value: Any, store: Store) -> None:
    literal, got = await there_and_back(annotation, value, store)
    assert got == value
    assert type(got) is type(value)
    assert len(literal.model_dump_json()) < 2000
    assert is_elsewhere({"x": literal}) == bool(store.objects)
    assert bool(store.objects) == (len(repr(value)) > LARGE_BYTES)


async def test_what_is_small_stays(store: Store) -> None:
    limit = b"x" * LARGE_BYTES
    for content in (SMALL, limit):
        literal, got = await there_and_back(bytes, content, store)
        assert got == content
        assert not is_elsewhere({"x": literal})
    assert store.objects == {}


async def test_an_array_is_a_pickle_that_lies_elsewhere(store: Store) -> None:
    array = numpy.arange(100_000, dtype=float)
    with pytest.warns(UserWarning, match="will be pickled"):
        literal, got = await there_and_back(numpy.ndarray, array, store)
    assert (got == array).all()
    assert got.flags.writeable
    (stored,) = store.objects.values()
    assert len(stored) >= array.nbytes
    assert len(literal.model_dump_json()) < 1000


async def test_the_same_bytes_are_stored_once(store: Store) -> None:
    await there_and_back(list[bytes], [LARGE, LARGE, bytes(bytearray(LARGE))], store)
    assert len(store.objects) == 1


def test_bytes_are_sent_from_where_they_lie() -> None:
    (first, *_) = BytesSource(LARGE).pieces(0, len(LARGE))
    assert isinstance(first, memoryview)
    assert first.obj is LARGE


def test_where_values_stay_on_this_machine_nothing_lies_elsewhere() -> None:
    async def task(x: bytes) -> None: ...

    sent = convert.inputs_to_wire(ENV.task(task).native_interface, {"x": LARGE})
    assert not is_elsewhere(sent)
    assert isinstance(sent["x"].value, str)


async def test_payloads_count_towards_what_may_pass_inline(store: Store) -> None:
    async def task(x: bytes) -> None: ...

    interface = ENV.task(max_inline_io_bytes=100_000)(task).native_interface
    with pytest.raises(InlineIOMaxBytesBreached, match=r"are 341\d{3} bytes"):
        published(lambda: convert.inputs_to_wire(interface, {"x": LARGE}))
    assert store.objects == {}
