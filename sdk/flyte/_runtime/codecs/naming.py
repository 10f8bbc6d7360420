"""Annotations as people read them: `list[int]`, `Item`, `int | None`."""

import types
import typing
from typing import Any


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
        return f"{origin.__qualname__}[{', '.join(map(_argument_text, arguments))}]"
    if hasattr(annotation, "__supertype__") or isinstance(annotation, typing.TypeVar):
        return str(annotation.__name__)
    return str(annotation).replace("typing.", "")


def _argument_text(argument: Any) -> str:
    if argument is ...:
        return "..."
    if isinstance(argument, list):  # the parameters of a Callable
        return f"[{', '.join(map(_argument_text, argument))}]"
    return annotation_text(argument)
