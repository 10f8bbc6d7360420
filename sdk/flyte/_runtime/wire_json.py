"""JSON that loses nothing: what the wire's JSON cannot hold stands in a tagged object.

The wire is orjson: it writes NaN as null and refuses integers beyond 64 bits. Such a number becomes
`{"$float": "NaN"}` or `{"$int": "1180591620717411303424"}`; a user's own dict that looks like a tag is
wrapped in `{"$dict": …}`. Everything else stays as it is, readable by any language.
"""

import math
from typing import Any

_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
_TAGS = ("$float", "$int", "$dict")
_NAMES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def wrap(value: Any) -> Any:
    """JSON data with every value that the wire cannot hold replaced by its tag."""
    match value:
        case bool() | str() | None:
            return value
        case float():
            return value if math.isfinite(value) else {"$float": _name(value)}
        case int():
            return value if _MIN_INT <= value <= _MAX_INT else {"$int": str(value)}
        case dict():
            wrapped = {key: wrap(item) for key, item in value.items()}
            return {"$dict": wrapped} if _looks_like_tag(value) else wrapped
        case list() | tuple():
            return [wrap(item) for item in value]
        case _:
            return value


def unwrap(value: Any) -> Any:
    """The inverse of `wrap`."""
    match value:
        case {"$float": str(name), **rest} if not rest and name in _NAMES:
            return _NAMES[name]
        case {"$int": str(digits), **rest} if not rest:
            return int(digits)
        case {"$dict": dict(inner), **rest} if not rest:
            return {key: unwrap(item) for key, item in inner.items()}
        case dict():
            return {key: unwrap(item) for key, item in value.items()}
        case list():
            return [unwrap(item) for item in value]
        case _:
            return value


def _looks_like_tag(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)) in _TAGS


def _name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
