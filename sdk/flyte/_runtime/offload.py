"""Large values travel beside the log: literals over the inline limit go to the artifact store and back.

The log then carries the digest, and whoever reads the value checks it. What is stored is the JSON that the
literal would have held, so a value has one encoding wherever it lies.
"""

import asyncio
import json
import tempfile
from collections.abc import Iterable, Mapping
from typing import IO, Any, Protocol

import orjson

from flyte._runtime.contents import FileSink, Sink
from flyte._runtime.payloads import TAG, payloads_in, replaced
from flyte_schemas.literals import INLINE_LIMIT_BYTES, AnyLiteral, InlineLiteral, ReferencedLiteral


def is_large(literals: Iterable[AnyLiteral], limit_bytes: int = INLINE_LIMIT_BYTES) -> bool:
    """Whether `offload` would move any of these values."""
    return sum(_size_bytes(literal) for literal in literals) > limit_bytes


def is_elsewhere(literals: Mapping[str, AnyLiteral]) -> bool:
    """Whether `restore` would fetch any of these values, or a payload in one."""
    return any(
        isinstance(literal, ReferencedLiteral) or next(payloads_in(literal.value), None) is not None
        for literal in literals.values()
    )


def _size_bytes(literal: AnyLiteral) -> int:
    return len(orjson.dumps(literal.value)) if isinstance(literal, InlineLiteral) else 0


class Stored(Protocol):
    """Where the store has put an object."""

    @property
    def uri(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    @property
    def size_bytes(self) -> int: ...


class Store(Protocol):
    """What this needs of `flyte._runtime.transfer.Artifacts`."""

    async def put(self, data: bytes, filename: str) -> Stored: ...

    async def get(self, uri: str, sha256: str, size_bytes: int) -> bytes: ...

    async def get_into(self, uri: str, sha256: str, size_bytes: int, sink: Sink) -> None: ...


async def offload(
    literals: Mapping[str, AnyLiteral], store: Store, *, limit_bytes: int = INLINE_LIMIT_BYTES
) -> dict[str, AnyLiteral]:
    """The same values, with the largest moved to the store until the rest is within `limit_bytes`.

    What is a reference already stays one.

    Raises what the store's `put` raises.
    """
    encoded = {
        name: orjson.dumps(literal.value)
        for name, literal in literals.items()
        if isinstance(literal, InlineLiteral)
    }
    total = sum(map(len, encoded.values()))
    carried: dict[str, AnyLiteral] = dict(literals)
    for name in sorted(encoded, key=lambda item: -len(encoded[item])):
        if total <= limit_bytes:
            break
        stored = await store.put(encoded[name], f"{name}.json")
        carried[name] = ReferencedLiteral(uri=stored.uri, sha256=stored.sha256, size_bytes=stored.size_bytes)
        total -= len(encoded[name])
    return carried


async def restore(
    literals: Mapping[str, AnyLiteral], store: Store, *, payloads: bool = True
) -> dict[str, InlineLiteral]:
    """The same values, all inline, and with their `payloads`: bytes, and files for pickles.

    Raises what the store's `get` raises.
    """
    values = await asyncio.gather(*(_inline(literal, store, payloads) for literal in literals.values()))
    return dict(zip(literals, values, strict=True))


async def _inline(literal: AnyLiteral, store: Store, payloads: bool) -> InlineLiteral:
    if isinstance(literal, InlineLiteral):
        value = literal.value
    else:
        value = json.loads(await store.get(literal.uri, literal.sha256, literal.size_bytes))
        literal = InlineLiteral(value=value)
    places = list(payloads_in(value)) if payloads else []
    if not places:
        return literal
    fetched = await asyncio.gather(*(_payload(place[TAG], is_file, store) for place, is_file in places))
    found = {id(place): payload for (place, _), payload in zip(places, fetched, strict=True)}
    return InlineLiteral(value=replaced(value, found))


async def _payload(place: dict[str, Any], is_file: bool, store: Store) -> bytes | IO[bytes]:
    uri, sha256, size_bytes = place["uri"], place["sha256"], place["size_bytes"]
    if not is_file:
        return await store.get(uri, sha256, size_bytes)
    file = tempfile.TemporaryFile()  # noqa: SIM115  # whoever reads it closes it
    try:
        await store.get_into(uri, sha256, size_bytes, FileSink(file.fileno()))
    except BaseException:
        file.close()
        raise
    return file
