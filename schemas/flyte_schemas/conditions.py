"""What counts as an answer to a condition: one rule for whoever asks, signals or decides."""

import math
from typing import Any, Literal

from flyte_schemas.literals import Answer
from flyte_schemas.names import is_name
from flyte_schemas.subjects import ROOT_ACTION

AnswerType = Literal["bool", "int", "float", "str"]

ANSWER_LIMIT_BYTES = 64 * 1024
"""Of the UTF-8 of an answer that is a text: it travels on the bus itself."""

DESCRIBED: dict[AnswerType, str] = {
    "bool": "a bool (true or false)",
    "int": "an int",
    "float": "a float",
    "str": "a str",
}
"""What an answer is, for people."""

TIMED_OUT = "ConditionTimedoutError"
"""The code of a condition that nobody answered in time."""


def fitting(data_type: AnswerType, value: Any) -> Answer | None:
    """`value` as an answer of this type; None when it is none. A whole number is a float, too."""
    match data_type, value:
        case "bool", bool():
            return value
        case "int", int() if not isinstance(value, bool):
            return value
        case "float", int() | float() if not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        case "str", str() if len(value.encode("utf-8", "replace")) <= ANSWER_LIMIT_BYTES:
            return value
        case _:
            return None


def unfit(condition: str, data_type: AnswerType, value: Any) -> str:
    """One sentence on a value that is no answer to a condition."""
    if isinstance(value, str) and data_type == "str":
        return f"the answer to condition {condition!r} is larger than {ANSWER_LIMIT_BYTES} bytes"
    return f"condition {condition!r} takes {DESCRIBED[data_type]}, not {value!r} ({type(value).__name__})"


def may_be_named(name: str) -> bool:
    """Whether a condition can have this name: it names an action of its run."""
    return is_name(name) and name != ROOT_ACTION
