"""What a codec is: a type's two-way road between Python values and JSON data.

Encoding checks: a value must already be of the type. Decoding reads what was encoded, and also what a person
or another program writes as JSON. A codec's JSON may hold any float and any int; `wire_json` makes that fit
for the wire afterwards.
"""

import re
from typing import TYPE_CHECKING, Any, Protocol

from flyte._runtime.payloads import Payload

if TYPE_CHECKING:
    from pydantic import ValidationError


Place = tuple[str | int, ...]
Definitions = dict[str, dict[str, Any]]

NULL, BOOL, INT, FLOAT, STR, ARRAY, OBJECT = "null", "bool", "int", "float", "str", "array", "object"
ALL_KINDS = frozenset({NULL, BOOL, INT, FLOAT, STR, ARRAY, OBJECT})

_SHOWN_COMPLAINTS = 3
_WRITTEN_WRONG = re.compile(
    r"Expected `([^`]*)`.*?\[field_name='([^']*)', input_value=(.*?), input_type=\w+\]", re.DOTALL
)


class Unfit(ValueError):
    """A value, or JSON data, that is not of the type; each complaint has the place that it is about."""

    def __init__(self, *complaints: tuple[Place, str]) -> None:
        super().__init__(complaints)
        self.complaints = complaints

    def under(self, *place: str | int) -> "Unfit":
        """The same complaints, seen from further outside."""
        return Unfit(*(((*place, *inner), message) for inner, message in self.complaints))

    def __str__(self) -> str:
        return "; ".join(
            f"at {'.'.join(map(str, place))}: {message}" if place else message
            for place, message in self.complaints[:_SHOWN_COMPLAINTS]
        )


class Codec(Protocol):
    """One type's codec."""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of JSON that `encode` gives."""
        ...

    @property
    def is_inline(self) -> bool:
        """Whether its values count towards a task's `max_inline_io_bytes`: all but tables and pickles do."""
        ...

    @property
    def python_type(self) -> type | None:
        """The class of its values, when there is one."""
        ...

    def encode(self, value: Any) -> Any:
        """`value` as JSON data. Raises Unfit."""
        ...

    def decode(self, data: Any) -> Any:
        """The value that JSON data stands for. Raises Unfit."""
        ...

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """The JSON Schema of `decode`'s data; what it refers to is put into `definitions`."""
        ...


class Whole:
    """What most codecs have in common: their values count as inline."""

    is_inline: bool = True
    python_type: type | None = None


def unfit(reason: str, *place: str | int) -> Unfit:
    """An Unfit with one complaint."""
    return Unfit((place, reason))


def unfit_of(error: "ValidationError") -> Unfit:
    """What pydantic complains of."""
    entries = error.errors(include_url=False, include_input=False, include_context=False)
    return Unfit(*((entry["loc"], entry["msg"]) for entry in entries))


def unfit_of_dump(error: Exception) -> Unfit:
    """What pydantic complains of when it writes a record whose fields are not of their types."""
    complaints = [
        ((field,), f"expected {wanted}, got {value}")
        for wanted, field, value in _WRITTEN_WRONG.findall(str(error))
    ]
    return Unfit(*complaints) if complaints else unfit(str(error))


def kind_of(data: Any) -> str:
    """The kind of one piece of JSON data."""
    match data:
        case None:
            return NULL
        case bool():
            return BOOL
        case int():
            return INT
        case float():
            return FLOAT
        case str() | bytes() | Payload():  # bytes, as text or elsewhere
            return STR
        case list() | tuple():
            return ARRAY
        case _:
            return OBJECT
