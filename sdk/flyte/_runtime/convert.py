"""Python values to literals and back, by the types of a task's interface.

Going out, a value must already have the declared type (an int may stand for a float, a dict for a dataclass
or a model): a string is never taken for a number behind the user's back. Coming in, the JSON is read by the
same type. Both directions are the same on the stack and in local mode.
"""

import warnings
from collections.abc import Iterable, Mapping
from types import CoroutineType
from typing import TYPE_CHECKING, Any

import orjson

from flyte._runtime import wire_json
from flyte._runtime.codecs import Unfit, annotation_text
from flyte._runtime.interface import NativeInterface, NativeParameter
from flyte._runtime.payloads import size_in_json
from flyte._runtime.pending import resolved
from flyte.errors import InlineIOMaxBytesBreached, RuntimeDataValidationError

if TYPE_CHECKING:
    from flyte_schemas.literals import AnyLiteral, InlineLiteral

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


def inputs_to_wire(interface: NativeInterface, inputs: Mapping[str, Any]) -> "dict[str, InlineLiteral]":
    """Bound inputs as literals, in the order of the signature. Raises what `inputs_to_json` raises."""
    return _literals(inputs_to_json(interface, inputs))


def inputs_to_json(interface: NativeInterface, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Bound inputs as JSON data, in the order of the signature.

    Raises Mismatch (a TypeError); InlineIOMaxBytesBreached when they are larger than the task allows.
    """
    data = {
        name: to_json(parameter, inputs[name])
        for name, parameter in interface.inputs.items()
        if name in inputs
    }
    _check_size(interface, interface.inputs.values(), data, "inputs")
    return data


def inputs_from_wire(interface: NativeInterface, literals: "Mapping[str, AnyLiteral]") -> dict[str, Any]:
    """Literals (none by reference) as Python values. Raises what `inputs_from_json` raises."""
    return inputs_from_json(interface, _inline(literals))


def inputs_from_json(interface: NativeInterface, data: Mapping[str, Any]) -> dict[str, Any]:
    """JSON data as Python values; a default stands for what is missing.

    Raises Mismatch, and TypeError when a required input is missing or one is unknown.
    """
    unknown = sorted(set(data) - set(interface.inputs))
    if unknown:
        raise TypeError(f"task {interface.task} has no input {unknown[0]!r}")
    values = {}
    for name, parameter in interface.inputs.items():
        if name in data:
            values[name] = from_json(parameter, data[name])
        elif parameter.required:
            raise TypeError(f"Missing required inputs: {name}")
        else:
            values[name] = parameter.default
    return values


def outputs_to_wire(interface: NativeInterface, returned: Any) -> "dict[str, InlineLiteral]":
    """What a task returned, as literals `o0`, `o1`, … Raises what `outputs_to_json` raises."""
    return _literals(outputs_to_json(interface, returned))


def outputs_to_json(interface: NativeInterface, returned: Any) -> dict[str, Any]:
    """What a task returned, as JSON data `o0`, `o1`, …

    Raises RuntimeDataValidationError when it is not what the signature declares; InlineIOMaxBytesBreached
    when it is larger than the task allows.
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
    data = {}
    for parameter, part in zip(outputs, parts, strict=True):
        try:
            data[parameter.name] = to_json(parameter, part)
        except Mismatch as error:
            raise RuntimeDataValidationError(
                parameter.name, _expected(parameter, part, error.reason), interface.task
            ) from error
    _check_size(interface, outputs, data, "outputs")
    return data


def outputs_from_wire(interface: NativeInterface, literals: "Mapping[str, AnyLiteral]") -> Any:
    """What the caller of a task gets, of literals. Raises what `outputs_from_json` raises."""
    return outputs_from_json(interface, _inline(literals))


def outputs_from_json(interface: NativeInterface, data: Mapping[str, Any]) -> Any:
    """What the caller of a task gets: a value, a tuple of values, or None.

    Raises RuntimeDataValidationError when an output is missing or of another type.
    """
    values = []
    for parameter in interface.outputs:
        if parameter.name not in data:
            raise RuntimeDataValidationError(parameter.name, "it is missing", interface.task)
        try:
            values.append(from_json(parameter, data[parameter.name]))
        except Mismatch as error:
            raise RuntimeDataValidationError(parameter.name, error.reason, interface.task) from error
    if interface.returns_tuple:
        return interface.build(values)
    return values[0] if values else None


def to_json(parameter: NativeParameter, value: Any) -> Any:
    """One Python value as the wire's JSON data. Raises Mismatch."""
    try:
        return wire_json.wrap(parameter.codec.encode(resolved(value)))
    except (Unfit, RecursionError) as error:
        reason = "it was not awaited" if isinstance(value, CoroutineType) else str(error)
        raise Mismatch(parameter, value, reason) from error


def from_json(parameter: NativeParameter, value: Any) -> Any:
    """JSON data off the wire as a Python value. Raises Mismatch."""
    try:
        return parameter.codec.decode(wire_json.unwrap(value))
    except Unfit as error:
        raise Mismatch(parameter, value, str(error)) from error


def plain_json(value: Any) -> Any:
    """JSON data off the wire without what the wire needs beside it."""
    return wire_json.unwrap(value)


def _literals(data: Mapping[str, Any]) -> "dict[str, InlineLiteral]":
    from flyte_schemas.literals import InlineLiteral

    return {name: InlineLiteral(value=value) for name, value in data.items()}


def _inline(literals: "Mapping[str, AnyLiteral]") -> dict[str, Any]:
    return {name: inline_value(literal) for name, literal in literals.items()}


def inline_value(literal: "AnyLiteral") -> Any:
    """The JSON that a literal holds. Raises TypeError for one that is still only a reference."""
    from flyte_schemas.literals import InlineLiteral

    if not isinstance(literal, InlineLiteral):
        raise TypeError(f"the value at {literal.uri} was not fetched")
    return literal.value


def shown(value: Any) -> str:
    """A value for an error message: its repr, cut off when long."""
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{type(value).__name__} whose repr fails: {error}>"
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _check_size(
    interface: NativeInterface,
    parameters: Iterable[NativeParameter],
    data: Mapping[str, Any],
    what: str,
) -> None:
    """Tables and pickles do not count: they are data of their own. Raises InlineIOMaxBytesBreached."""
    total = 0
    for parameter in parameters:
        if parameter.codec.is_inline and parameter.name in data:
            total += _size_bytes(parameter, data[parameter.name])
    if total > interface.max_inline_io_bytes:
        raise InlineIOMaxBytesBreached(
            f"the {what} of task {interface.task} are {total} bytes, more than the "
            f"{interface.max_inline_io_bytes} that pass inline: pass large data as a flyte.io.File or a "
            "DataFrame, or raise the task's max_inline_io_bytes"
        )


def _size_bytes(parameter: NativeParameter, value: Any) -> int:
    try:
        return len(orjson.dumps(value)) + size_in_json(value)
    except TypeError as error:  # half of a surrogate pair, in text from a file name
        raise Mismatch(parameter, value, f"JSON cannot hold it: {error}") from error


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
