"""What a class is, told by its signs: dataclass, NamedTuple, TypedDict; and the fields that it declares."""

import dataclasses
import sys
import typing
from typing import Any

import typing_extensions


def is_named_tuple(annotation: Any) -> bool:
    is_tuple = isinstance(annotation, type) and issubclass(annotation, tuple)
    return is_tuple and hasattr(annotation, "_fields")


def is_model(kind: Any) -> bool:
    """Whether it is a pydantic model; where nobody has loaded pydantic there is none."""
    pydantic = sys.modules.get("pydantic.main")
    return pydantic is not None and isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def is_typed_dict(annotation: Any) -> bool:
    return typing.is_typeddict(annotation) or typing_extensions.is_typeddict(annotation)


def hints_of(kind: Any) -> dict[str, Any] | None:
    """The annotations of a class, resolved; None when one of them names what cannot be found."""
    try:
        return typing_extensions.get_type_hints(kind, include_extras=True)
    except (NameError, TypeError):
        return None


def fields_of(kind: Any) -> dict[str, tuple["dataclasses.Field[Any]", Any]] | None:
    """A dataclass's fields with their types by name.

    None when it cannot be rebuilt from them: a type is not to be found, or `InitVar` takes what is not kept.
    """
    hints = hints_of(kind)
    takes_more = any(isinstance(hint, dataclasses.InitVar) for hint in (hints or {}).values())
    if hints is None or takes_more:
        return None
    return {field.name: (field, hints.get(field.name, Any)) for field in dataclasses.fields(kind)}


def with_default(annotation: Any, default: Any) -> Any:
    """The type of a field with this default: `x: int = None` means `int | None`, as people write it."""
    takes_none = annotation in (Any, None, type(None)) or type(None) in typing.get_args(annotation)
    return annotation if takes_none or default is not None else typing.Optional[annotation]  # noqa: UP045
