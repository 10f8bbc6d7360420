"""Large payloads within values (bytes, pickles): they travel as objects of their own, not as text in JSON.

In the JSON stands where they are: `{"$payload": {"uri", "sha256", "size_bytes"}}`. So a gibibyte of bytes is
never base64, is sent from where it lies in memory, and is read to where it shall lie.
"""

import tempfile
from collections.abc import Iterator
from typing import IO, Any

from flyte._runtime import publishing
from flyte._runtime.contents import BytesSource, OpenFileSource, Source

TAG = "$payload"
LARGE_BYTES = 64 * 1024
"""What is smaller stays in the JSON."""


class Payload(dict[str, Any]):
    """Where a payload lies, in JSON data: the only dict with such a tag that is not a user's."""


def place_of(thing: Any, source: Source) -> Payload | None:
    """Where the payload of `thing` lies for others; None when it stays in the JSON.

    While it is not stored yet, that is nowhere: whoever publishes asks once more when it is.
    """
    current = publishing.current()
    if current is None or source.size_bytes <= LARGE_BYTES:
        return None
    place = current.place(("payload", id(thing)), lambda: _stored(thing, source))
    return _at("", "", source.size_bytes) if place is None else _read(place)


def bytes_place(value: bytes | bytearray | memoryview) -> Payload | None:
    """The same for bytes, which are not copied; those that may change are."""
    found = known_place(value)
    if found is not None or len(value) <= LARGE_BYTES or publishing.current() is None:
        return found
    return place_of(value, BytesSource(value if isinstance(value, bytes) else bytes(value)))


def known_place(thing: Any) -> Payload | None:
    """The place of what is stored already."""
    current = publishing.current()
    found = None if current is None else current.found(("payload", id(thing)))
    return None if found is None else _read(found)


def is_publishing() -> bool:
    """Whether large payloads are to lie elsewhere."""
    return publishing.current() is not None


def spool() -> IO[bytes]:
    """A file for a payload that is being written: in memory while it is small."""
    return tempfile.SpooledTemporaryFile(max_size=LARGE_BYTES)


def spooled_place(thing: Any, written: IO[bytes]) -> Payload | None:
    """The place of a payload that was written into a spool, if it is large."""
    size_bytes = written.tell()
    if publishing.current() is None or size_bytes <= LARGE_BYTES:
        return None
    written.flush()
    return place_of(thing, OpenFileSource(written, size_bytes))


def payloads_in(data: Any) -> Iterator[tuple[dict[str, Any], bool]]:
    """The places in the wire's JSON, each with whether it is a pickle's, which is read from a file."""
    waiting: list[tuple[Any, bool]] = [(data, False)]
    while waiting:
        value, is_pickle = waiting.pop()
        if isinstance(value, list):
            waiting.extend((item, False) for item in value)
        elif isinstance(value, dict):
            if len(value) == 1 and TAG in value:
                yield value, is_pickle
                continue
            inner = value["$dict"] if len(value) == 1 and isinstance(value.get("$dict"), dict) else value
            waiting.extend((item, key == "$pickle") for key, item in inner.items())


def replaced(data: Any, payloads: dict[int, Any]) -> Any:
    """The same JSON with payloads in the stead of places, which are known by their `id`."""
    if id(data) in payloads:
        return payloads[id(data)]
    if isinstance(data, list):
        return [replaced(item, payloads) for item in data]
    if isinstance(data, dict):
        return {key: replaced(item, payloads) for key, item in data.items()}
    return data


def size_in_json(data: Any) -> int:
    """How many bytes the payloads in the wire's JSON would take there, as base64."""
    return sum(-(-place[TAG]["size_bytes"] // 3) * 4 for place, _ in payloads_in(data))


def _at(uri: str, sha256: str, size_bytes: int) -> Payload:
    return Payload({TAG: {"uri": uri, "sha256": sha256, "size_bytes": size_bytes}})


def _read(text: str) -> Payload:
    uri, sha256, size_bytes = text.split(" ")
    return _at(uri, sha256, int(size_bytes))


def _stored(thing: Any, source: Source) -> str:
    """Store it, and say where, by what digest and how large. Raises RuntimeSystemError."""
    from flyte._store import artifacts, told
    from flyte._syncify import block_on

    what = f"a {type(thing).__name__}"
    with told(what):
        stored = block_on(artifacts().put_source(source, what))
    return f"{stored.uri} {stored.sha256} {stored.size_bytes}"
