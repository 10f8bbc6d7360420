"""Values read by types that the caller names, rather than by the task's own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flyte._runtime import convert
from flyte._runtime.codecs import codec_of
from flyte._runtime.interface import NativeParameter

Types = Mapping[str, Any] | Sequence[Any] | Any
"""Types by the names of values, or in their order, or one for all of them."""

Deserializers = Mapping[Any, Callable[[Any], Any]]
"""Functions from JSON data to a value, by the name of a value or by its type."""


def typed(data: Mapping[str, Any], types: Types, deserializers: Deserializers | None) -> dict[str, Any]:
    """The values in `data` for which a type or a deserializer is given.

    Raises TypeError for a value that is not of its type, ValueError for a name that is not there.
    """
    wanted, makers = _by_name(list(data), types), dict(deserializers or {})
    for name in wanted:
        if name not in data:
            raise ValueError(f"there is no value {name!r}, only {', '.join(data) or 'none'}")
    found: dict[str, Any] = {}
    for name, value in data.items():
        make = makers.get(name) or (makers.get(wanted[name]) if name in wanted else None)
        if make is not None:
            found[name] = make(convert.plain_json(value))
        elif name in wanted:
            kind = wanted[name]
            parameter = NativeParameter(name=name, annotation=kind, codec=codec_of(kind))
            found[name] = convert.from_json(parameter, value)
    return found


def _by_name(names: list[str], types: Types) -> dict[str, Any]:
    match types:
        case None:
            return {}
        case Mapping():
            return dict(types)
        case list() | tuple():
            if len(types) != len(names):
                raise ValueError(f"{len(types)} types are given for {len(names)} values")
            return dict(zip(names, types, strict=True))
        case _:
            return dict.fromkeys(names, types)
