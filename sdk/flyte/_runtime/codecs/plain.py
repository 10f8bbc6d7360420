"""Types that pydantic carries through JSON without loss: most of them, as a whole and at its speed.

`is_plain` is the list of what we know to come back as it went. What is not on it is taken apart by our own
codecs, down to parts that are plain.
"""

import dataclasses
import datetime
import decimal
import enum
import functools
import json
import pathlib
import types
import typing
import uuid
from typing import TYPE_CHECKING, Any

from flyte._runtime.codecs.codec import (
    ALL_KINDS,
    ARRAY,
    BOOL,
    FLOAT,
    INT,
    NULL,
    OBJECT,
    STR,
    Codec,
    Definitions,
    Whole,
    kind_of,
    unfit_of,
    unfit_of_dump,
)
from flyte._runtime.codecs.schemas import hoisted
from flyte._runtime.codecs.signs import fields_of, is_model, with_default

if TYPE_CHECKING:
    from pydantic import BaseModel, TypeAdapter

_STANDS_FOR_RECORD = frozenset({"dataclass_exact_type", "dataclass_type", "model_type"})
_SCALARS: frozenset[Any] = frozenset(
    {
        None,
        type(None),
        bool,
        int,
        float,
        str,
        datetime.date,
        datetime.timedelta,
        decimal.Decimal,
        uuid.UUID,
        pathlib.Path,
        pathlib.PurePath,
        pathlib.PosixPath,
        pathlib.PurePosixPath,
    }
)
INSTANTS: frozenset[Any] = frozenset({datetime.datetime, datetime.time})
_COLLECTIONS = (list, set, frozenset, tuple)
_JSON_TYPES = {
    "null": NULL,
    "boolean": BOOL,
    "integer": INT,
    "number": FLOAT,
    "string": STR,
    "array": ARRAY,
    "object": OBJECT,
}


class PlainCodec(Whole):
    """A type that pydantic carries. Raises TypeError when it turns out not to."""

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation
        kind = typing.get_origin(annotation) or annotation
        self.python_type = type(None) if kind is None else kind if isinstance(kind, type) else None
        if annotation not in _SCALARS | INSTANTS:
            self._try()

    def _try(self) -> None:
        """What pydantic refuses, it refuses here."""
        from pydantic.errors import PydanticUserError

        try:
            _ = self._adapters
        except PydanticUserError as error:
            raise TypeError(str(error)) from error

    @functools.cached_property
    def _adapters(self) -> "tuple[TypeAdapter[Any], TypeAdapter[list[Any]]]":
        """One that validates a value, one that turns a list of one value into JSON (and keeps NaN)."""
        from pydantic import ConfigDict, TypeAdapter

        keep_nan = ConfigDict(ser_json_inf_nan="constants")
        return TypeAdapter(self._annotation), TypeAdapter(list[self._annotation], config=keep_nan)  # type: ignore[name-defined]

    @functools.cached_property
    def kinds(self) -> frozenset[str]:
        schema = self._adapters[0].json_schema(mode="serialization")
        return schema_kinds(schema, schema.get("$defs", {}))

    def encode(self, value: Any) -> Any:
        from pydantic import ValidationError
        from pydantic_core import PydanticSerializationError

        try:
            checked = self._checked(value)
        except ValidationError as error:
            converted = without_numpy(value)
            if converted is value:
                raise unfit_of(error) from error
            return self.encode(converted)
        try:
            dumper = self._adapters[1]
            return dumper.dump_python([checked], mode="json", warnings="error", by_alias=True)[0]
        except (PydanticSerializationError, TypeError, ValueError) as error:
            raise unfit_of_dump(error) from error

    def decode(self, data: Any) -> Any:
        from pydantic import ValidationError

        try:
            return self._adapters[0].validate_json(_json_of(data))
        except ValidationError as error:
            raise unfit_of(error) from error

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        from pydantic.errors import PydanticUserError

        from flyte._runtime.codecs.marked import MarkedSchema

        try:
            schema = self._adapters[0].json_schema(schema_generator=MarkedSchema)
        except PydanticUserError:
            return {}
        return hoisted(schema, definitions)

    def _checked(self, value: Any) -> Any:
        """`value`, valid by strict rules; a dict where a dataclass or a model is wanted is read as JSON."""
        from pydantic import ValidationError
        from pydantic_core import PydanticSerializationError, to_jsonable_python

        adapter = self._adapters[0]
        try:
            return adapter.validate_python(value, strict=True)
        except ValidationError as error:
            kinds = {entry["type"] for entry in error.errors(include_url=False, include_input=False)}
            if not kinds & _STANDS_FOR_RECORD:
                raise
            try:
                document = json.dumps(to_jsonable_python(value))
            except (PydanticSerializationError, TypeError, ValueError):
                raise error from None
        return adapter.validate_json(document, strict=True)


def _json_of(data: Any) -> bytes | str:
    from pydantic_core import PydanticSerializationError, to_json

    try:
        return to_json(data, inf_nan_mode="constants")
    except PydanticSerializationError:  # half of a surrogate pair: only the slower one can write it
        return json.dumps(data)


class ScalarCodec(PlainCodec):
    """bool, int, float, str or None: what has exactly this type goes as it is, both ways."""

    def __init__(self, annotation: Any) -> None:
        super().__init__(annotation)
        self._exactly: Any = type(None) if annotation is None else annotation

    @functools.cached_property
    def kinds(self) -> frozenset[str]:
        return frozenset({NULL if self._exactly is type(None) else kind_of(self._exactly())})

    def encode(self, value: Any) -> Any:
        return value if type(value) is self._exactly else super().encode(value)

    def decode(self, data: Any) -> Any:
        return data if type(data) is self._exactly else super().decode(data)

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return {"type": _SCALAR_SCHEMAS[self._exactly]}


_SCALAR_SCHEMAS: dict[Any, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
}
"""What pydantic says of them, which need not be loaded for it."""


class InstantCodec(PlainCodec):
    """A datetime or a time of day; its zone comes back as `datetime.timezone`, as Python's own would.

    pydantic has a zone class of its own, which pandas takes for another zone than `timezone.utc`.
    """

    def decode(self, data: Any) -> Any:
        value = super().decode(data)
        offset = value.utcoffset()
        return value if offset is None else value.replace(tzinfo=datetime.timezone(offset))


def is_plain(annotation: Any, seen: frozenset[Any] = frozenset()) -> bool:
    """Whether pydantic's JSON of this type loses nothing. `seen`: classes that we are inside of."""
    if _hashable(annotation) and (annotation in _SCALARS or annotation in seen):
        return True
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return is_plain(arguments[0], seen)
    if origin is typing.Literal:
        return all(type(item) in (str, int, bool, type(None)) for item in arguments)
    if origin in (typing.Union, types.UnionType):
        return _is_plain_union(arguments, seen)
    if origin in _COLLECTIONS:
        return bool(arguments) and all(item is ... or is_plain(item, seen) for item in arguments)
    if origin is dict:
        return len(arguments) == 2 and is_plain_key(arguments[0]) and is_plain(arguments[1], seen)
    if origin is None and isinstance(annotation, type):
        return _is_plain_class(annotation, seen)
    return False


def without_numpy(value: Any) -> Any:
    """`value` with numpy's scalars (also within lists, tuples and dicts) as Python's; itself without any."""
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return value.item()
    if type(value) in (list, tuple):
        parts = [without_numpy(item) for item in value]
        changed = any(new is not old for new, old in zip(parts, value, strict=True))
        return type(value)(parts) if changed else value
    if type(value) is dict:
        items = {without_numpy(key): without_numpy(item) for key, item in value.items()}
        same = all(items.get(key) is item for key, item in value.items())
        return value if same and not any(type(key).__module__ == "numpy" for key in value) else items
    return value


def schema_kinds(schema: dict[str, Any], definitions: dict[str, Any]) -> frozenset[str]:
    """The kinds of JSON that a JSON Schema admits; all of them where that is not said."""
    if "$ref" in schema:
        return schema_kinds(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return frozenset().union(*(schema_kinds(part, definitions) for part in schema[word]))
    if "const" in schema or "enum" in schema:
        return frozenset(kind_of(item) for item in schema.get("enum", [schema.get("const")]))
    found = _JSON_TYPES.get(schema.get("type", ""))
    return ALL_KINDS if found is None else frozenset({found})


def overlap(codecs: list[Codec]) -> bool:
    """Whether two of these give the same kind of JSON."""
    counted = [kind for codec in codecs for kind in codec.kinds]
    return len(counted) != len(set(counted))


def _is_plain_union(members: tuple[Any, ...], seen: frozenset[Any]) -> bool:
    if not all(is_plain(member, seen) for member in members):
        return False
    if sum(member is not type(None) for member in members) <= 1:
        return True
    return not overlap([PlainCodec(member) for member in members])


def is_plain_key(annotation: Any) -> bool:
    """Whether JSON's object keys, which are text, hold keys of this type without loss."""
    if annotation in (str, int, uuid.UUID, datetime.date):
        return True
    if typing.get_origin(annotation) is typing.Literal:
        return all(type(item) is str for item in typing.get_args(annotation))
    return _is_enum(annotation) and all(type(member.value) is str for member in annotation)


def _is_plain_class(kind: type, seen: frozenset[Any]) -> bool:
    if _is_enum(kind):
        return all(type(member.value) in (str, int, float) for member in kind)  # type: ignore[attr-defined]
    inside = seen | {kind}
    if is_model(kind):
        return _is_plain_model(kind, inside | INSTANTS)  # its datetimes are as pydantic makes them
    if dataclasses.is_dataclass(kind):
        found = fields_of(kind)
        return found is not None and all(
            field.init and with_default(hint, field.default) is hint and is_plain(hint, inside)
            for field, hint in found.values()
        )
    is_pydantics = kind.__module__.partition(".")[0] in ("pydantic", "pydantic_core")
    return is_pydantics and "Secret" not in kind.__name__


def _is_plain_model(kind: "type[BaseModel]", inside: frozenset[Any]) -> bool:
    if (
        not kind.__pydantic_complete__
    ):  # a class that it names stood further down; pydantic waits for an instance
        kind.model_rebuild(raise_errors=False)
    if kind.model_config.get("extra") == "allow":
        return False
    for field in kind.model_fields.values():
        if field.exclude or field.validation_alias != field.serialization_alias:
            return False
        members = (
            typing.get_args(field.annotation) if field.discriminator is not None else (field.annotation,)
        )
        if not all(is_plain(member, inside) for member in members):
            return False
    return True


def _is_enum(annotation: Any) -> bool:
    is_class = isinstance(annotation, type)
    return is_class and issubclass(annotation, enum.Enum) and not issubclass(annotation, enum.Flag)


def _hashable(annotation: Any) -> bool:
    try:
        hash(annotation)
    except TypeError:
        return False
    return True
