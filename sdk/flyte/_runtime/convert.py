"""Python values to literals and back, by the types of a task's interface.

Going out, a value must already have the declared type (an int may stand for a float, a dict for a dataclass
or a model): a string is never taken for a number behind the user's back. Coming in, the JSON is read by the
same type. Both directions are the same on the stack and in local mode.
"""

import json
import warnings
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from flyte._runtime import wire_json
from flyte._runtime.interface import NativeInterface, NativeParameter, annotation_text
from flyte._runtime.pending import Pending
from flyte.errors import RuntimeDataValidationError
from flyte_schemas.literals import AnyLiteral, InlineLiteral

_STANDS_FOR_DATACLASS = frozenset({"dataclass_exact_type", "dataclass_type", "model_type"})
_SHOWN_CHARACTERS = 200


class Mismatch(TypeError):
    """A value is not of the type that its variable declares; `reason` says what is wrong with it."""

    def __init__(self, parameter: NativeParameter, value: Any, reason: str) -> None:
        super().__init__(
            f"Type conversion failed for variable {parameter.name!r}.\n"
            f"  Expected type: {parameter.type_name}\n"
            f"  Actual type: {annotation_text(type(value))}\n"
            f"  Value received: {shown(value)}\n"
            f"  Reason: {reason}"
        )
        self.reason = reason


def inputs_to_wire(interface: NativeInterface, inputs: Mapping[str, Any]) -> dict[str, InlineLiteral]:
    """Bound inputs as literals, in the order of the signature. Raises Mismatch (a TypeError)."""
    return {
        name: InlineLiteral(value=to_json(parameter, inputs[name]))
        for name, parameter in interface.inputs.items()
        if name in inputs
    }


def inputs_from_wire(interface: NativeInterface, literals: Mapping[str, AnyLiteral]) -> dict[str, Any]:
    """Literals (none by reference) as Python values; a default stands for what is missing.

    Raises Mismatch, and TypeError when a required input is missing or one is unknown.
    """
    unknown = sorted(set(literals) - set(interface.inputs))
    if unknown:
        raise TypeError(f"task {interface.task} has no input {unknown[0]!r}")
    values = {}
    for name, parameter in interface.inputs.items():
        if name in literals:
            values[name] = from_json(parameter, inline_value(literals[name]))
        elif parameter.required:
            raise TypeError(f"Missing required inputs: {name}")
        else:
            values[name] = parameter.default
    return values


def outputs_to_wire(interface: NativeInterface, returned: Any) -> dict[str, InlineLiteral]:
    """What a task returned, as literals `o0`, `o1`, …

    Raises RuntimeDataValidationError when it is not what the signature declares.
    """
    outputs = interface.outputs
    if not outputs:
        if returned is not None:
            warnings.warn(
                f"task {interface.task} returned a value but declares none, so the value is dropped: "
                "annotate the function with `-> type`",
                stacklevel=2,
            )
        return {}
    parts = _parts(interface, returned)
    literals = {}
    for parameter, part in zip(outputs, parts, strict=True):
        try:
            literals[parameter.name] = InlineLiteral(value=to_json(parameter, part))
        except Mismatch as error:
            raise RuntimeDataValidationError(
                parameter.name, _expected(parameter, part, error.reason), interface.task
            ) from error
    return literals


def outputs_from_wire(interface: NativeInterface, literals: Mapping[str, AnyLiteral]) -> Any:
    """What the caller of a task gets: a value, a tuple of values, or None.

    Raises RuntimeDataValidationError when an output is missing or of another type.
    """
    values = []
    for parameter in interface.outputs:
        if parameter.name not in literals:
            raise RuntimeDataValidationError(parameter.name, "it is missing", interface.task)
        try:
            values.append(from_json(parameter, inline_value(literals[parameter.name])))
        except Mismatch as error:
            raise RuntimeDataValidationError(parameter.name, error.reason, interface.task) from error
    if interface.returns_tuple:
        return tuple(values)
    return values[0] if values else None


def to_json(parameter: NativeParameter, value: Any) -> Any:
    """One Python value as the wire's JSON data. Raises Mismatch."""
    if isinstance(value, Pending):
        raise Mismatch(
            parameter, value, f"it is the result of {value.task} that nobody awaited: {value.rule}"
        )
    try:
        return wire_json.wrap(parameter.dump(_validated(parameter, value)))
    except ValidationError as error:
        raise Mismatch(parameter, value, sentence(error)) from error
    except (PydanticSerializationError, TypeError, ValueError) as error:
        raise Mismatch(parameter, value, str(error)) from error


def from_json(parameter: NativeParameter, value: Any) -> Any:
    """JSON data off the wire as a Python value. Raises Mismatch."""
    try:
        return parameter.adapter.validate_json(json.dumps(wire_json.unwrap(value)))
    except ValidationError as error:
        raise Mismatch(parameter, value, sentence(error)) from error


def inline_value(literal: AnyLiteral) -> Any:
    """The JSON that a literal holds. Raises TypeError for one that is still only a reference."""
    if not isinstance(literal, InlineLiteral):
        raise TypeError(f"the value at {literal.uri} was not fetched")
    return literal.value


def sentence(error: ValidationError) -> str:
    """What pydantic complains of, in a line: each complaint with its place."""
    complaints = []
    for entry in error.errors(include_url=False, include_input=False, include_context=False)[:3]:
        place = ".".join(str(part) for part in entry["loc"])
        complaints.append(f"at {place}: {entry['msg']}" if place else entry["msg"])
    return "; ".join(complaints)


def shown(value: Any) -> str:
    """A value for an error message: its repr, cut off when long."""
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{type(value).__name__} whose repr fails: {error}>"
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _validated(parameter: NativeParameter, value: Any) -> Any:
    """`value`, valid by strict rules; a dict where a dataclass is wanted is read as JSON would be."""
    try:
        return parameter.adapter.validate_python(value, strict=True)
    except ValidationError as error:
        kinds = {entry["type"] for entry in error.errors(include_url=False, include_input=False)}
        if not kinds & _STANDS_FOR_DATACLASS:
            raise
    return parameter.adapter.validate_json(json.dumps(to_jsonable_python(value)), strict=True)


def _parts(interface: NativeInterface, returned: Any) -> tuple[Any, ...]:
    if not interface.returns_tuple:
        return (returned,)
    wanted = len(interface.outputs)
    if not isinstance(returned, tuple) or len(returned) != wanted:
        got = (
            f"a tuple of {len(returned)}" if isinstance(returned, tuple) else annotation_text(type(returned))
        )
        raise RuntimeDataValidationError(
            "o0", f"Expected a tuple of {wanted} values but got {got}: {shown(returned)}", interface.task
        )
    return returned


def _expected(parameter: NativeParameter, value: Any, reason: str) -> str:
    kind = parameter.annotation if isinstance(parameter.annotation, type) else parameter.type_name
    message = f"Expected value of type {kind} but got {shown(value)} of type {type(value)}"
    return message if isinstance(kind, type) and not isinstance(value, kind) else f"{message} ({reason})"
