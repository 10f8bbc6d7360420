"""A task's signature, read once: Python types with their codecs, and the same as words on the wire.

Resolving annotations and building codecs waits until an interface is first needed: a class that stands
further down in the user's file can then be named, and importing the file stays quick. What can be refused
from the bare signature (`check_signature`) is refused when the task is declared.
"""

import inspect
import typing
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import GenericAlias, UnionType
from typing import TYPE_CHECKING, Any, Final

from flyte._limits import MAX_INLINE_IO_BYTES
from flyte._runtime import context, wire_json
from flyte._runtime.codecs import Codec, annotation_text, codec_of
from flyte._runtime.codecs.codec import Definitions
from flyte._runtime.codecs.pickles import PickleCodec
from flyte._runtime.codecs.signs import hints_of, is_named_tuple
from flyte._runtime.docstring import Docstring, parse_docstring

if TYPE_CHECKING:
    from flyte_schemas.task import Interface, Parameter


class _Required:
    def __repr__(self) -> str:
        return "<required>"


REQUIRED: Final = _Required()
"""The default of a parameter that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeParameter:
    """One input or output; `codec` carries its values."""

    name: str
    annotation: Any
    codec: Codec
    default: Any = REQUIRED
    description: str = ""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def type_name(self) -> str:
        """The annotation as Python would print it."""
        return annotation_text(self.annotation)


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeInterface:
    """Inputs by name, in order; outputs `o0`, `o1`, … or by the fields of a NamedTuple.

    `returns_tuple`: the outputs are a tuple's parts; `build` makes what the caller gets of them.
    `max_inline_io_bytes` bounds the inputs of a call, and its outputs.
    """

    task: str
    inputs: dict[str, NativeParameter]
    outputs: tuple[NativeParameter, ...]
    returns_tuple: bool
    docs: Docstring
    build: Callable[[list[Any]], Any] = tuple
    max_inline_io_bytes: int = MAX_INLINE_IO_BYTES

    def has_outputs(self) -> bool:
        """Whether it gives anything."""
        return bool(self.outputs)

    def required_inputs(self) -> list[str]:
        """The names of the inputs without a default."""
        return [name for name, parameter in self.inputs.items() if parameter.required]

    def num_required_inputs(self) -> int:
        """How many inputs have no default."""
        return len(self.required_inputs())

    def get_input_types(self) -> dict[str, Any]:
        """The type of each input, as it is annotated."""
        return {name: parameter.annotation for name, parameter in self.inputs.items()}

    def convert_to_kwargs(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The arguments of a call by name, without defaults. Raises ValueError for too many."""
        if len(args) > len(self.inputs):
            raise ValueError(
                "Too many positional arguments provided: "
                f"{self.task} takes {len(self.inputs)}, got {len(args)}"
            )
        return {**dict(zip(self.inputs, args, strict=False)), **kwargs}

    @property
    def json_schema(self) -> dict[str, Any]:
        """The inputs as one JSON Schema: an object with a property for each."""
        properties, definitions = {}, {}
        for name, parameter in self.inputs.items():
            schema = dict(wire_json.unwrap(_json_schema(parameter.codec)))
            definitions.update(schema.pop("$defs", {}))
            properties[name] = schema
        return {
            "type": "object",
            "title": self.task,
            "properties": properties,
            "required": self.required_inputs(),
            **({"$defs": definitions} if definitions else {}),
        }


def check_signature(func: Callable[..., Any]) -> None:
    """Refuse what no interface can be made of, and warn of what will be pickled.

    Raises ValueError for `*args` and `**kwargs`, TypeError for `-> tuple[int]` (a tuple of one output).
    """
    signature = inspect.signature(func)
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ValueError(
                f"task {func.__name__!r} takes {parameter}: a task's inputs need names, "
                "so *args and **kwargs cannot be inputs; take a list or a dict instead"
            )
        if parameter.annotation is parameter.empty:
            _warn(func, f"Function {func.__name__} has parameter {parameter.name} without type annotation.")
    returned = signature.return_annotation
    if isinstance(returned, str):
        returned = _quietly_resolved(func)
    if _is_tuple_of_one(returned):
        raise TypeError(
            f"task {func.__name__!r} returns {annotation_text(returned)}, a tuple of one output: "
            f"annotate it with `-> {annotation_text(typing.get_args(returned)[0])}` and return the value"
        )


def native_interface(
    func: Callable[..., Any], task: str, *, max_inline_io_bytes: int = MAX_INLINE_IO_BYTES
) -> NativeInterface:
    """The interface of `func`, which is the task with the full name `task`.

    Raises TypeError for an annotation that cannot be resolved.
    """
    hints = _hints(func, task)
    docs = parse_docstring(func.__doc__)
    inputs = {
        name: _input(declared, hints.get(name, Any), docs)
        for name, declared in inspect.signature(func).parameters.items()
    }
    returned = _declared_outputs(hints.get("return"))
    outputs = tuple(
        _parameter(name, annotation, description=docs.returns) for name, annotation in returned.parts.items()
    )
    for parameter in (*inputs.values(), *outputs):
        if isinstance(parameter.codec, PickleCodec):
            kind = f"the type {parameter.type_name}, which is not described"
            _warn(func, f"{parameter.name!r} of task {task} has {kind}.")
    return NativeInterface(
        task=task,
        inputs=inputs,
        outputs=outputs,
        returns_tuple=returned.is_tuple,
        docs=docs,
        build=returned.build,
        max_inline_io_bytes=max_inline_io_bytes,
    )


def wire_interface(native: NativeInterface) -> "Interface":
    """The same interface as words on the wire. Raises TypeError when a default is not of its type."""
    from flyte_schemas.task import Interface

    return Interface(
        inputs=tuple(_wire_parameter(parameter, native.task) for parameter in native.inputs.values()),
        outputs=tuple(_wire_parameter(parameter, native.task) for parameter in native.outputs),
    )


def _hints(func: Callable[..., Any], task: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(func, include_extras=True)
    except NameError as error:
        raise TypeError(f"an annotation of task {task} names something unknown: {error}") from error


def _input(parameter: "inspect.Parameter", annotation: Any, docs: Docstring) -> NativeParameter:
    default = REQUIRED if parameter.default is parameter.empty else parameter.default
    if default is None and annotation is not Any:
        annotation = annotation | None if _accepts_or(annotation) else typing.Optional[annotation]  # noqa: UP045
    return _parameter(
        parameter.name,
        annotation,
        default=default,
        description=docs.parameters.get(parameter.name, ""),
    )


def _accepts_or(annotation: Any) -> bool:
    return isinstance(annotation, type | UnionType | GenericAlias)


def _parameter(
    name: str, annotation: Any, *, default: Any = REQUIRED, description: str = ""
) -> NativeParameter:
    return NativeParameter(
        name=name,
        annotation=annotation,
        codec=codec_of(annotation),
        default=default,
        description=description,
    )


@dataclass(frozen=True, slots=True)
class _Returned:
    """The type of each output by name, and how the caller's value is made of them."""

    parts: dict[str, Any]
    is_tuple: bool = False
    build: Callable[[list[Any]], Any] = tuple


def _declared_outputs(annotation: Any) -> _Returned:
    """`-> T` is one output, `-> tuple[A, B]` one for each part, `-> None` (or nothing said) is none."""
    if annotation is None or annotation is type(None):
        return _Returned({})
    if is_named_tuple(annotation) and annotation._fields:
        hints = hints_of(annotation) or {}
        parts = {name: hints.get(name, Any) for name in annotation._fields}
        return _Returned(parts, is_tuple=True, build=annotation._make)
    items = typing.get_args(annotation)
    if typing.get_origin(annotation) is tuple and items and ... not in items and items != ((),):
        return _Returned({f"o{index}": item for index, item in enumerate(items)}, is_tuple=True)
    return _Returned({"o0": annotation})


def _is_tuple_of_one(annotation: Any) -> bool:
    items = typing.get_args(annotation)
    return typing.get_origin(annotation) is tuple and len(items) == 1 and items != ((),)


def _quietly_resolved(func: Callable[..., Any]) -> Any:
    """The return annotation that is written as text; None while it names what is not there yet."""
    try:
        return typing.get_type_hints(func, include_extras=True).get("return")
    except (NameError, TypeError):
        return None


def _warn(func: Callable[..., Any], what: str) -> None:
    """Say that data will be pickled, to who declares or deploys the task; not again in each attempt."""
    if context.ctx():
        return
    code = inspect.unwrap(func).__code__
    warnings.warn_explicit(
        f"{what} Data will be pickled.", UserWarning, code.co_filename, code.co_firstlineno
    )


def _wire_parameter(parameter: NativeParameter, task: str) -> "Parameter":
    from flyte._runtime.convert import to_json
    from flyte_schemas.task import Parameter

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
        json_schema=_json_schema(parameter.codec),
        required=parameter.required,
        default=default,
        description=parameter.description,
    )


def _json_schema(codec: Codec) -> dict[str, Any]:
    """The JSON Schema of a type; `{}` (anything) where none can describe it."""
    definitions: Definitions = {}
    schema = codec.schema(definitions)
    whole = {**schema, "$defs": definitions} if definitions else schema
    wrapped: dict[str, Any] = wire_json.wrap(whole)
    return wrapped
