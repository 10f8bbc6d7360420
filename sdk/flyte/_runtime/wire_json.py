"""JSON that loses nothing: what the wire's JSON cannot hold stands in a tagged object.

The wire is orjson: it writes NaN as null and refuses integers beyond 64 bits. Such a number becomes
`{"$float": "NaN"}` or `{"$int": "1180591620717411303424"}`, bytes that lie elsewhere `{"$payload": …}`; a
user's own dict that looks like a tag is wrapped in `{"$dict": …}`. Everything else stays as it is, readable
by any language.
"""

import math
from typing import Any

from flyte._runtime.payloads import Payload

_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
_TAGS = ("$float", "$int", "$dict", "$payload")
_NAMES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


_ARRAYS, _NUMBERS = (list, tuple), (int, float)
_LEAVES: frozenset[type] = frozenset({str, bool, type(None)})
_READ_LEAVES: frozenset[type] = _LEAVES | {int, float}


def wrap(value: Any) -> Any:
    """JSON data with every value that the wire cannot hold replaced by its tag.

    Large data passes here item by item, so what is most frequent is asked for first, by its exact type.
    """
    kind = type(value)
    if kind is int:
        return value if _MIN_INT <= value <= _MAX_INT else {"$int": str(value)}
    if kind is float:
        return value if math.isfinite(value) else {"$float": _name(value)}
    if kind is list or isinstance(value, _ARRAYS):
        return [item if type(item) in _LEAVES else wrap(item) for item in value]
    if kind is Payload:
        return dict(value)
    if kind is dict or isinstance(value, dict):
        wrapped = {key: item if type(item) in _LEAVES else wrap(item) for key, item in value.items()}
        return {"$dict": wrapped} if len(value) == 1 and _looks_like_tag(value) else wrapped
    if isinstance(value, _NUMBERS) and kind is not bool:  # of a class derived from them
        return wrap(float(value) if isinstance(value, float) else int(value))
    return value


def unwrap(value: Any) -> Any:
    """The inverse of `wrap`."""
    kind = type(value)
    if kind is list:
        return [item if type(item) in _READ_LEAVES else unwrap(item) for item in value]
    if kind is not dict:
        return value
    if len(value) == 1 and _looks_like_tag(value):
        match value:
            case {"$float": str(name)} if name in _NAMES:
                return _NAMES[name]
            case {"$int": str(digits)}:
                return int(digits)
            case {"$dict": dict(inner)}:
                value = inner
    return {key: item if type(item) in _READ_LEAVES else unwrap(item) for key, item in value.items()}


def _looks_like_tag(value: dict[str, Any]) -> bool:
    """Whether the one key of this dict is a tag's."""
    return next(iter(value)) in _TAGS


def _name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
