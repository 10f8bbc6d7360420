"""Lists, sets, tuples and dicts whose parts need codecs of their own."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from flyte._runtime.codecs.codec import ARRAY, OBJECT, Codec, Definitions, Unfit, Whole, unfit


class ListCodec(Whole):
    """A JSON array of one kind of item; `build` makes the value of the decoded items.

    `accepts` are the classes of values that may be given for it.
    """

    kinds = frozenset({ARRAY})

    def __init__(
        self, item: Codec, build: Callable[[list[Any]], Any], accepts: tuple[type, ...], name: str
    ) -> None:
        self._item = item
        self._build = build
        self._accepts = accepts
        self._name = name
        self.python_type: type | None = accepts[0]
        self.is_inline = item.is_inline

    def encode(self, value: Any) -> Any:
        if not isinstance(value, self._accepts):
            raise unfit(f"Input should be a valid {self._name}")
        return [_part(self._item.encode, item, index) for index, item in enumerate(cast(Any, value))]

    def decode(self, data: Any) -> Any:
        if not isinstance(data, list | tuple):
            raise unfit(f"Input should be a valid {self._name}")
        items = [_part(self._item.decode, item, index) for index, item in enumerate(data)]
        try:
            return self._build(items)
        except TypeError as error:  # an item of a set that cannot be one
            raise unfit(str(error)) from error

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return {"type": "array", "items": self._item.schema(definitions)}


class TupleCodec(Whole):
    """A JSON array with one codec for each place."""

    kinds = frozenset({ARRAY})

    def __init__(self, items: list[Codec]) -> None:
        self._items = items
        self.python_type: type | None = tuple
        self.is_inline = all(item.is_inline for item in items)

    def encode(self, value: Any) -> Any:
        if not isinstance(value, tuple):
            raise unfit("Input should be a valid tuple")
        return [_part(codec.encode, item, index) for index, codec, item in self._paired(value)]

    def decode(self, data: Any) -> Any:
        if not isinstance(data, list | tuple):
            raise unfit("Input should be a valid tuple")
        return tuple(_part(codec.decode, item, index) for index, codec, item in self._paired(data))

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        parts = [item.schema(definitions) for item in self._items]
        return {"type": "array", "prefixItems": parts, "minItems": len(parts), "maxItems": len(parts)}

    def _paired(self, values: Any) -> list[tuple[int, Codec, Any]]:
        if len(values) != len(self._items):
            raise unfit(f"Tuple should have {len(self._items)} items, not {len(values)}")
        return [
            (index, codec, item) for index, (codec, item) in enumerate(zip(self._items, values, strict=True))
        ]


class DictCodec(Whole):
    """A JSON object, for keys that are text."""

    kinds = frozenset({OBJECT})

    def __init__(self, key: Codec, item: Codec) -> None:
        self._key = key
        self._item = item
        self.python_type: type | None = dict
        self.is_inline = item.is_inline

    def encode(self, value: Any) -> Any:
        return {
            str(_part(self._key.encode, key, str(key))): _part(self._item.encode, item, str(key))
            for key, item in _mapping(value).items()
        }

    def decode(self, data: Any) -> Any:
        return {
            _part(self._key.decode, key, key): _part(self._item.decode, item, key)
            for key, item in _mapping(data).items()
        }

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self._item.schema(definitions)}


class PairsCodec(Whole):
    """A dict as a JSON array of pairs, for keys that JSON's objects would change."""

    kinds = frozenset({ARRAY, OBJECT})

    def __init__(self, key: Codec, item: Codec) -> None:
        self._pair = TupleCodec([key, item])
        self._object = DictCodec(key, item)
        self.python_type: type | None = dict
        self.is_inline = item.is_inline

    def encode(self, value: Any) -> Any:
        return [_part(self._pair.encode, pair, str(pair[0])) for pair in _mapping(value).items()]

    def decode(self, data: Any) -> Any:
        if isinstance(data, Mapping):  # as a person writes it
            return self._object.decode(data)
        if not isinstance(data, list):
            raise unfit("Input should be a valid dictionary, or a list of [key, value] pairs")
        return dict(_part(self._pair.decode, pair, index) for index, pair in enumerate(data))

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return {"anyOf": [{"type": "array", "items": self._pair.schema(definitions)}, {"type": "object"}]}


def _mapping(value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise unfit("Input should be a valid dictionary")
    return value


def _part(work: Callable[[Any], Any], item: Any, place: str | int) -> Any:
    try:
        return work(item)
    except Unfit as error:
        raise error.under(place) from error
