"""Types whose JSON is one piece of text: bytes, and members of enums whose values are not JSON."""

import base64
import binascii
import enum
from typing import Any

from flyte._runtime.codecs.codec import STR, Definitions, Whole, unfit
from flyte._runtime.codecs.schemas import FORM
from flyte._runtime.payloads import bytes_place


class BytesCodec(Whole):
    """bytes or bytearray, as base64, or as the place of a payload."""

    kinds = frozenset({STR})

    def __init__(self, kind: type) -> None:
        self.python_type: type = kind

    def encode(self, value: Any) -> Any:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise unfit("Input should be valid bytes")
        place = bytes_place(value)
        if place is not None:
            return place
        return base64.b64encode(value).decode()

    def decode(self, data: Any) -> Any:
        if isinstance(data, bytes):  # a payload that was fetched
            return data if self.python_type is bytes else self.python_type(data)
        try:
            return self.python_type(base64.b64decode(data, validate=True))
        except (TypeError, binascii.Error, ValueError) as error:
            raise unfit("expected bytes as base64") from error

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return {"type": "string", "contentEncoding": "base64", FORM: "bytes"}


class MemberCodec(Whole):
    """An enum by the names of its members, for values that JSON cannot hold (or flags)."""

    kinds = frozenset({STR})

    def __init__(self, kind: type[enum.Enum]) -> None:
        self.python_type: type = kind
        self._enum = kind

    def encode(self, value: Any) -> Any:
        if not isinstance(value, self._enum):
            raise unfit(f"Input should be a member of {self._enum.__name__}")
        return value.name or str(value.value)

    def decode(self, data: Any) -> Any:
        if isinstance(data, str):
            if data in self._enum.__members__:
                return self._enum[data]
            names = data.split("|")
            if issubclass(self._enum, enum.Flag) and all(name in self._enum.__members__ for name in names):
                return _joined([self._enum[name] for name in names])
            if issubclass(self._enum, enum.Flag) and data.isdigit():
                return self._enum(int(data))
        raise unfit(f"expected one of {', '.join(self._enum.__members__)}")

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        if issubclass(self._enum, enum.Flag):
            return {"type": "string"}
        return {"enum": list(self._enum.__members__)}


def _joined(members: list[Any]) -> Any:
    whole = members[0]
    for member in members[1:]:
        whole |= member
    return whole
