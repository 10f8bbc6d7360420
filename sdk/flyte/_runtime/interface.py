"""A task's signature, read once: Python types with their adapters, and the same as words on the wire.

Resolving annotations and building adapters waits until an interface is first needed: a class that stands
further down in the user's file can then be named, and importing the file stays quick. What can be refused
from the bare signature (`check_signature`) is refused when the task is declared.
"""

import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter
from pydantic.errors import PydanticUserError

from flyte._runtime import wire_json
from flyte._runtime.docstring import Docstring, parse_docstring
from flyte_schemas.task import Interface, Parameter


class _Required:
    def __repr__(self) -> str:
        return "<required>"


REQUIRED: Final = _Required()
"""The default of a parameter that has none."""

_KEEP_NAN = ConfigDict(ser_json_inf_nan="constants")


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeParameter:
    """One input or output. `adapter` validates a value; `dumper` turns a list of one value into JSON."""

    name: str
    annotation: Any
    adapter: TypeAdapter[Any]
    dumper: TypeAdapter[list[Any]]
    default: Any = REQUIRED
    description: str = ""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def type_name(self) -> str:
        """The annotation as Python would print it."""
        return annotation_text(self.annotation)

    def dump(self, value: Any) -> Any:
        """The valid `value` as plain JSON data. Raises PydanticSerializationError."""
        return self.dumper.dump_python([value], mode="json", warnings="error")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeInterface:
    """Inputs by name, in order; outputs `o0`, `o1`, …; `returns_tuple`: the outputs are a tuple's parts."""

    task: str
    inputs: dict[str, NativeParameter]
    outputs: tuple[NativeParameter, ...]
    returns_tuple: bool
    docs: Docstring


def check_signature(func: Callable[..., Any]) -> None:
    """Refuse what no interface can be made of.

    Raises ValueError for `*args` and `**kwargs`, TypeError for a parameter without annotation.
    """
    for parameter in inspect.signature(func).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ValueError(
                f"task {func.__name__!r} takes {parameter}: a task's inputs need names, "
                "so *args and **kwargs cannot be inputs; take a list or a dict instead"
            )
        if parameter.annotation is parameter.empty:
            raise TypeError(
                f"parameter {parameter.name!r} of task {func.__name__!r} has no type annotation: "
                f"write e.g. `{parameter.name}: str`"
            )


def native_interface(func: Callable[..., Any], task: str) -> NativeInterface:
    """The interface of `func`, which is the task with the full name `task`.

    Raises TypeError naming the parameter whose annotation cannot be resolved or carried.
    """
    hints = _hints(func, task)
    docs = parse_docstring(func.__doc__)
    inputs = {
        parameter.name: _input(parameter, hints[parameter.name], task, docs)
        for parameter in inspect.signature(func).parameters.values()
    }
    returned = _declared_outputs(hints.get("return"))
    outputs = tuple(
        _parameter(f"o{index}", annotation, task, description=docs.returns)
        for index, annotation in enumerate(returned.annotations)
    )
    return NativeInterface(
        task=task, inputs=inputs, outputs=outputs, returns_tuple=returned.is_tuple, docs=docs
    )


def wire_interface(native: NativeInterface) -> Interface:
    """The same interface as words on the wire. Raises TypeError when a default is not of its type."""
    return Interface(
        inputs=tuple(_wire_parameter(parameter, native.task) for parameter in native.inputs.values()),
        outputs=tuple(_wire_parameter(parameter, native.task) for parameter in native.outputs),
    )


def annotation_text(annotation: Any) -> str:
    """An annotation for people: `list[int]`, `Item`, `int | None`."""
    if annotation is None or annotation is type(None):
        return "None"
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation.__qualname__.rpartition("<locals>.")[2]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return annotation_text(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " | ".join(annotation_text(argument) for argument in arguments)
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if isinstance(origin, type) and arguments:
        inner = ", ".join("..." if argument is ... else annotation_text(argument) for argument in arguments)
        return f"{origin.__qualname__}[{inner}]"
    return str(annotation).replace("typing.", "")


def _hints(func: Callable[..., Any], task: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(func, include_extras=True)
    except NameError as error:
        raise TypeError(f"an annotation of task {task} names something unknown: {error}") from error


def _input(parameter: inspect.Parameter, annotation: Any, task: str, docs: Docstring) -> NativeParameter:
    default = REQUIRED if parameter.default is parameter.empty else parameter.default
    if default is None:
        annotation = annotation | None if _accepts_or(annotation) else typing.Optional[annotation]  # noqa: UP045
    return _parameter(
        parameter.name,
        annotation,
        task,
        default=default,
        description=docs.parameters.get(parameter.name, ""),
    )


def _accepts_or(annotation: Any) -> bool:
    return isinstance(annotation, type | types.UnionType | types.GenericAlias)


def _parameter(
    name: str, annotation: Any, task: str, *, default: Any = REQUIRED, description: str = ""
) -> NativeParameter:
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        dumper: TypeAdapter[list[Any]] = TypeAdapter(list[annotation], config=_KEEP_NAN)
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        advice = "use scalars, lists, dicts, tuples, enums, dataclasses or pydantic models"
        if not isinstance(error, PydanticSchemaGenerationError):
            advice = str(error).splitlines()[0]  # e.g. that Python 3.11 needs another TypedDict
        raise TypeError(
            f"the type {annotation_text(annotation)} of {name!r} in task {task} cannot pass between tasks: "
            f"{advice}"
        ) from error
    return NativeParameter(
        name=name,
        annotation=annotation,
        adapter=adapter,
        dumper=dumper,
        default=default,
        description=description,
    )


@dataclass(frozen=True, slots=True)
class _Returned:
    annotations: tuple[Any, ...]
    is_tuple: bool


def _declared_outputs(annotation: Any) -> _Returned:
    """`-> T` is one output, `-> tuple[A, B]` one for each part, `-> None` (or nothing said) is none."""
    if annotation is None or annotation is type(None):
        return _Returned((), False)
    parts = typing.get_args(annotation)
    if typing.get_origin(annotation) is tuple and parts and ... not in parts and parts != ((),):
        return _Returned(parts, True)
    return _Returned((annotation,), False)


def _wire_parameter(parameter: NativeParameter, task: str) -> Parameter:
    from flyte._runtime.convert import to_json

    default = None
    if not parameter.required:
        try:
            default = to_json(parameter, parameter.default)
        except TypeError as error:
            raise TypeError(
                f"the default of {parameter.name!r} in task {task} is not usable. {error}"
            ) from error
    return Parameter(
        name=parameter.name,
        annotation=parameter.type_name,
        json_schema=_json_schema(parameter.adapter),
        required=parameter.required,
        default=default,
        description=parameter.description,
    )


def _json_schema(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """The JSON Schema of a type; `{}` (anything) where none can describe it."""
    try:
        schema: dict[str, Any] = wire_json.wrap(adapter.json_schema())
    except PydanticUserError:
        return {}
    return schema
