"""A value that counts by a hash of its own where it is compared.

`Annotated[T, HashFunction.from_fn(digest)]`: the hash travels beside the value, so that the cache's key and
the name of a child action need not read it.
"""

import copy
import typing
from typing import Any

from flyte._runtime.codecs.codec import OBJECT, Codec, Definitions, unfit
from flyte._runtime.codecs.tables import PARQUET, PICKLE, is_table
from flyte_schemas.cache_keys import HASH, HASHED

_PACKED = frozenset({PARQUET, PICKLE})


def hash_method_of(annotation: Any) -> Any:
    """What hashes the values of an annotated type; None when nothing does."""
    if typing.get_origin(annotation) is not typing.Annotated:
        return None
    for mark in typing.get_args(annotation)[1:]:
        if callable(getattr(mark, "update", None)) and callable(getattr(mark, "result", None)):
            return mark
    return None


class HashedCodec:
    """Another codec's values, each with its hash."""

    def __init__(self, kind: Any, codec: Codec, method: Any) -> None:
        self._codec = codec
        self._method = method
        self._has_place = is_table(kind) or hasattr(kind, "__flyte_form__")

    @property
    def kinds(self) -> frozenset[str]:
        return self._codec.kinds | {OBJECT}

    @property
    def is_inline(self) -> bool:
        return self._codec.is_inline

    @property
    def python_type(self) -> type | None:
        return self._codec.python_type

    def encode(self, value: Any) -> Any:
        """A file, folder or table that has a hash already keeps it."""
        data = self._codec.encode(value)
        if isinstance(data, dict) and (self._has_place or not _PACKED.isdisjoint(data)):
            return data if data.get(HASH) else {**data, HASH: self._hash(value)}
        return {HASHED: data, HASH: self._hash(value)}

    def decode(self, data: Any) -> Any:
        if isinstance(data, dict) and data.keys() == {HASHED, HASH}:
            data = data[HASHED]
        elif isinstance(data, dict) and HASH in data and not _PACKED.isdisjoint(data):
            data = {name: item for name, item in data.items() if name != HASH}
        return self._codec.decode(data)

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return self._codec.schema(definitions)

    def _hash(self, value: Any) -> str:
        kind = self._codec.python_type
        if getattr(value, "__flyte_form__", None) == "table" and kind is not None and kind is not type(value):
            value = value.open(kind).all_sync()
        if (of_value := getattr(self._method, "fn", None)) is not None:
            digest = of_value(value)
        else:
            digest = self._of_bytes(value)
        if not isinstance(digest, str):
            raise unfit(f"the hash of a value is a str, and the HashFunction gave {type(digest).__name__}")
        return digest

    def _of_bytes(self, value: Any) -> Any:
        if not isinstance(value, bytes | bytearray):
            raise unfit(f"{type(self._method).__name__} hashes bytes: annotate with a HashFunction")
        fresh = copy.deepcopy(self._method)
        fresh.update(bytes(value))
        return fresh.result()
