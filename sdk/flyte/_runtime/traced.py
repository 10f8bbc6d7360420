"""A traced function as the record sees it: its name, and how what it takes and gives is written down.

What has an annotation travels by it, as a task's values do; what has none, or is not what its annotation
says, travels by what it is: JSON data as it is, everything else pickled. So tracing a function asks for no
more than the function itself does, but that its values can be written down.
"""

import collections.abc
import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from flyte._runtime import wire_json
from flyte._runtime.codecs import Codec, Unfit, codec_of
from flyte._runtime.codecs.naming import annotation_text
from flyte._runtime.codecs.pickles import AnyCodec
from flyte._runtime.pending import resolved
from flyte._runtime.publishing import published_by_task

Data = dict[str, Any]
"""Values by name, as the JSON data of the wire."""

VALUE, BY_VALUE, ERROR, ITEMS = "o0", "value", "error", "items"
"""What outputs hold: a value by the annotation, or by itself; the exception; the names of the items."""

_ANYTHING = AnyCodec()
_NAME_CHARACTERS = 290
_ITERATORS = (
    collections.abc.Iterator,
    collections.abc.Iterable,
    collections.abc.Generator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
    collections.abc.AsyncGenerator,
)


class Traced:
    """One traced function. Its annotations are looked at with its first call, when all they name is there."""

    def __init__(self, func: Callable[..., Any], name: str = "") -> None:
        self._func = func
        self.short_name = getattr(func, "__name__", repr(func))
        module, qualname = getattr(func, "__module__", ""), getattr(func, "__qualname__", self.short_name)
        self.name = (name or f"{module}.{qualname}")[-_NAME_CHARACTERS:]

    def inputs(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Data:
        """The arguments of a call by name, defaults filled in.

        Raises TypeError for arguments that do not fit, as the call itself does, and for one that cannot be
        written down.
        """
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        codecs = self._codecs
        return {
            name: self._written(codecs.get(name), value, f"its argument {name!r}")[1]
            for name, value in bound.arguments.items()
        }

    def output(self, value: Any) -> Data:
        """What it returned. Raises TypeError when it cannot be written down."""
        return self._output(self._codecs.get("return"), value, "what it returned")

    def item(self, value: Any) -> Data:
        """What it yielded. Raises TypeError when it cannot be written down."""
        return self._output(self._codecs.get("yield"), value, "what it yielded")

    def value_of(self, outputs: Mapping[str, Any]) -> Any:
        """What it returned, off the record; None when nothing is there. Raises TypeError."""
        return self._value_of(self._codecs.get("return"), outputs)

    def item_of(self, outputs: Mapping[str, Any]) -> Any:
        """What it yielded, off the record. Raises TypeError."""
        return self._value_of(self._codecs.get("yield"), outputs)

    @functools.cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self._func)

    @functools.cached_property
    def _codecs(self) -> dict[str, Codec]:
        """By parameter; `return` and `yield` for what comes out."""
        hints = self._hints()
        returned = hints.pop("return", None)
        for name, parameter in self._signature.parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                hints.pop(name, None)
        if returned is not None and _is_generator(self._func):
            hints |= _parts_of_generator(returned)
        elif returned is not None:
            hints["return"] = returned
        return {name: codec_of(hint) for name, hint in hints.items() if hint is not Any}

    def _hints(self) -> dict[str, Any]:
        try:
            return typing.get_type_hints(self._func, include_extras=True)
        except (NameError, TypeError):  # an annotation for readers alone
            return {}

    def _output(self, codec: Codec | None, value: Any, what: str) -> Data:
        name, data = self._written(codec, value, what)
        return {name: data}

    def _written(self, codec: Codec | None, value: Any, what: str) -> tuple[str, Any]:
        """On the stack a file outlives the attempt's folder: the next attempt finds it in the store."""
        value = resolved(value)
        return published_by_task(lambda: self._encoded(codec, value, what))

    def _encoded(self, codec: Codec | None, value: Any, what: str) -> tuple[str, Any]:
        if codec is not None:
            try:
                return VALUE, wire_json.wrap(codec.encode(value))
            except (Unfit, RecursionError):
                pass  # the function takes it all the same
        try:
            return BY_VALUE, wire_json.wrap(_ANYTHING.encode(value))
        except (Unfit, RecursionError) as error:
            raise TypeError(
                f"@flyte.trace cannot record {self.name}: {what} is a {annotation_text(type(value))}, which "
                f"cannot be written down ({error}); let it take and give values, and make the rest inside"
            ) from error

    def _value_of(self, codec: Codec | None, outputs: Mapping[str, Any]) -> Any:
        try:
            if BY_VALUE in outputs:
                return _ANYTHING.decode(wire_json.unwrap(outputs[BY_VALUE]))
            if VALUE in outputs:
                return (codec or _ANYTHING).decode(wire_json.unwrap(outputs[VALUE]))
        except Unfit as error:
            raise TypeError(f"what is recorded of {self.name} cannot be read here: {error}") from error
        return None


def _is_generator(func: Callable[..., Any]) -> bool:
    return inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func)


def _parts_of_generator(annotation: Any) -> dict[str, Any]:
    """`Iterator[T]`, `Generator[T, S, R]` and their async kin: what they yield, and what they return."""
    parts = typing.get_args(annotation)
    if not parts or typing.get_origin(annotation) not in _ITERATORS:
        return {}
    found = {"yield": parts[0]}
    if len(parts) == 3:
        found["return"] = parts[2]
    return found
