"""Values that pass between tasks: inline as JSON, or by reference when they are large."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, StrictBool, StrictFloat, StrictInt, StrictStr

from flyte_schemas.words import Sha256, Word

INLINE_LIMIT_BYTES = 64 * 1024
"""The largest JSON encoding of the values of one event that travels on the bus itself."""


class InlineLiteral(Word):
    """A value written as JSON."""

    kind: Literal["inline"] = "inline"
    value: Any


class ReferencedLiteral(Word):
    """A value kept in the artifact store: the JSON that an `InlineLiteral` would have held, by its digest."""

    kind: Literal["reference"] = "reference"
    uri: str
    sha256: Sha256
    size_bytes: NonNegativeInt


AnyLiteral = Annotated[InlineLiteral | ReferencedLiteral, Field(discriminator="kind")]

Answer = StrictBool | StrictInt | StrictFloat | StrictStr
"""A plain value, as a person gives it; on the wire, JSON tells which of them it is."""

Literals = Mapping[str, AnyLiteral]
"""Inputs or outputs of a task, by name."""
