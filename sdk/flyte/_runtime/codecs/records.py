"""Types with named fields (dataclass, pydantic model, TypedDict, NamedTuple) as JSON objects.

Fields get their codecs when first needed: a class may name itself, or one that stands further down.
"""

import dataclasses
import functools
import typing
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import typing_extensions

from flyte._runtime.codecs.codec import OBJECT, Codec, Definitions, Unfit, Whole, kind_of, unfit, unfit_of
from flyte._runtime.codecs.schemas import reference
from flyte._runtime.codecs.signs import fields_of, hints_of, with_default

Choose = Callable[[Any], Codec]


class RecordCodec(Whole):
    """What records have in common: each field by its own codec, and a schema that may refer to itself."""

    kinds = frozenset({OBJECT})

    def __init__(self, kind: Any, choose: Choose) -> None:
        self._kind = kind
        self._choose = choose
        self.python_type: type | None = kind if isinstance(kind, type) else None

    @functools.cached_property
    def codecs(self) -> dict[str, Codec]:
        """The codec of each field by name."""
        return {name: self._choose(hint) for name, hint in self._hints().items()}

    def encode(self, value: Any) -> Any:
        """As `Codec.encode`. A dict that stands for a record becomes one here: what that refuses is told."""
        fields = self._read(value)
        if self._stands_for_one(value):
            written = {
                name: self._part(_written(self.codecs[name]), item, name) for name, item in fields.items()
            }
            fields = self._read(self.decode(written))
        return {name: self._part(self.codecs[name].encode, item, name) for name, item in fields.items()}

    def decode(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise unfit(f"Input should be an object with the fields of {self._kind.__name__}")
        known = self._known(data)
        return self._build(
            {name: self._part(self.codecs[name].decode, item, name) for name, item in known.items()}
        )

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        name = self._kind.__name__
        if name not in definitions:
            definitions[name] = {}  # taken, while the fields may refer to it
            properties = {field: codec.schema(definitions) for field, codec in self.codecs.items()}
            definitions[name] = {
                "type": "object",
                "title": name,
                "properties": properties,
                "required": self._required(),
            }
        return reference(name)

    @abstractmethod
    def _hints(self) -> dict[str, Any]:
        """The type of each field."""

    @abstractmethod
    def _required(self) -> list[str]:
        """The fields that must be there."""

    @abstractmethod
    def _read(self, value: Any) -> dict[str, Any]:
        """The fields of a value. Raises Unfit."""

    @abstractmethod
    def _build(self, fields: dict[str, Any]) -> Any:
        """A value of these fields. Raises Unfit."""

    def _stands_for_one(self, value: Any) -> bool:
        return isinstance(value, Mapping)

    def _known(self, data: Mapping[Any, Any]) -> dict[str, Any]:
        """`data`, when it has the required fields and no other than the known ones. Raises Unfit."""
        unknown = [str(name) for name in data if name not in self.codecs]
        missing = [name for name in self._required() if name not in data]
        if unknown or missing:
            raise Unfit(
                *(((name,), "Field required") for name in missing),
                *(((name,), f"{self._kind.__name__} has no such field") for name in unknown),
            )
        return dict(data)

    @staticmethod
    def _part(work: Callable[[Any], Any], item: Any, name: str) -> Any:
        try:
            return work(item)
        except Unfit as error:
            raise error.under(name) from error

    def _not_one(self) -> Unfit:
        return unfit(f"Input should be a {self._kind.__name__}, or a dictionary with its fields")


class DataclassCodec(RecordCodec):
    """A dataclass; what its constructor does not take is set afterwards."""

    @functools.cached_property
    def _fields(self) -> dict[str, tuple["dataclasses.Field[Any]", Any]]:
        return fields_of(self._kind) or {}

    def _hints(self) -> dict[str, Any]:
        return {name: with_default(hint, field.default) for name, (field, hint) in self._fields.items()}

    def _required(self) -> list[str]:
        nothing = dataclasses.MISSING
        return [
            name
            for name, (field, _) in self._fields.items()
            if field.init and field.default is nothing and field.default_factory is nothing
        ]

    def _read(self, value: Any) -> dict[str, Any]:
        if isinstance(value, self._kind):
            return {name: getattr(value, name) for name in self._fields if hasattr(value, name)}
        if isinstance(value, Mapping):
            return self._known(value)
        raise self._not_one()

    def _build(self, fields: dict[str, Any]) -> Any:
        taken = {name: item for name, item in fields.items() if self._fields[name][0].init}
        try:
            made = self._kind(**taken)
        except (TypeError, ValueError) as error:
            raise unfit(str(error)) from error
        for name in fields.keys() - taken.keys():
            object.__setattr__(made, name, fields[name])
        return made


class ModelCodec(RecordCodec):
    """A pydantic model with a field that pydantic's JSON would change; its validators run as always."""

    def _hints(self) -> dict[str, Any]:
        return {name: field.annotation for name, field in self._kind.model_fields.items()}

    def _required(self) -> list[str]:
        return [name for name, field in self._kind.model_fields.items() if field.is_required()]

    @functools.cached_property
    def _is_root(self) -> bool:
        from pydantic import RootModel

        return issubclass(self._kind, RootModel)

    def encode(self, value: Any) -> Any:
        if self._is_root:
            root = value.root if isinstance(value, self._kind) else value
            return self.codecs["root"].encode(root)
        return super().encode(value)

    def decode(self, data: Any) -> Any:
        if self._is_root:
            return self._kind(self.codecs["root"].decode(data))
        return super().decode(data)

    def _read(self, value: Any) -> dict[str, Any]:
        if isinstance(value, self._kind):
            fields = {name: getattr(value, name) for name in self._kind.model_fields}
            return {**fields, **self._admitted(value.model_extra or {})}
        if isinstance(value, Mapping):
            return self._known(value)
        raise self._not_one()

    def _known(self, data: Mapping[Any, Any]) -> dict[str, Any]:
        by_alias = {
            field.alias: name for name, field in self._kind.model_fields.items() if field.alias is not None
        }
        named = {by_alias.get(name, name): item for name, item in data.items()}
        extra = {name: item for name, item in named.items() if name not in self._kind.model_fields}
        if self._kind.model_config.get("extra") == "allow":
            declared = {name: item for name, item in named.items() if name not in extra}
            return {**super()._known(declared), **self._admitted(extra)}
        return super()._known(named)

    def _admitted(self, extra: Mapping[Any, Any]) -> dict[str, Any]:
        """Fields that the model does not declare and keeps; they travel as values of any type."""
        for name in extra:
            self.codecs.setdefault(name, self._choose(Any))
        return dict(extra)

    def _build(self, fields: dict[str, Any]) -> Any:
        from pydantic import ValidationError

        try:
            return self._kind.model_validate(fields, by_name=True, by_alias=False)
        except ValidationError as error:
            raise unfit_of(error) from error


class TypedDictCodec(RecordCodec):
    """A TypedDict; keys that are `NotRequired` may be missing."""

    def __init__(self, kind: Any, choose: Choose) -> None:
        super().__init__(kind, choose)
        self.python_type = dict

    @functools.cached_property
    def _declared(self) -> dict[str, tuple[Any, bool]]:
        """Type and whether it is required, by key."""
        hints = hints_of(self._kind) or {}
        return {name: self._stripped(name, hint) for name, hint in hints.items()}

    def _stripped(self, name: str, hint: Any) -> tuple[Any, bool]:
        required = name in self._kind.__required_keys__
        while (origin := typing_extensions.get_origin(hint)) in _QUALIFIERS:
            said = _QUALIFIERS[origin]
            required = required if said is None else said
            hint = typing_extensions.get_args(hint)[0]
        return hint, required

    def _stands_for_one(self, value: Any) -> bool:
        return False  # a dict is one

    def _hints(self) -> dict[str, Any]:
        return {name: hint for name, (hint, _) in self._declared.items()}

    def _required(self) -> list[str]:
        return [name for name, (_, required) in self._declared.items() if required]

    def _read(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise unfit(f"Input should be a dictionary with the fields of {self._kind.__name__}")
        return self._known(value)

    def _build(self, fields: dict[str, Any]) -> Any:
        return fields


def _written(codec: Codec) -> Callable[[Any], Any]:
    """`encode` for a field of a dict that a person may have written: as JSON has it, or as Python has it."""

    def write(item: Any) -> Any:
        try:
            return codec.encode(item)
        except Unfit:
            if kind_of(item) not in codec.kinds:
                raise
            return codec.encode(codec.decode(item))

    return write


_QUALIFIERS: dict[Any, bool | None] = {
    typing.Required: True,
    typing.NotRequired: False,
    typing_extensions.Required: True,
    typing_extensions.NotRequired: False,
    typing_extensions.ReadOnly: None,
}


class NamedTupleCodec(RecordCodec):
    """A NamedTuple; a plain tuple or list of the same length may stand for it."""

    def _hints(self) -> dict[str, Any]:
        hints, defaults = hints_of(self._kind) or {}, self._kind._field_defaults
        fields: tuple[str, ...] = self._kind._fields
        return {name: with_default(hints.get(name, Any), defaults.get(name, ...)) for name in fields}

    def _required(self) -> list[str]:
        return [name for name in self._kind._fields if name not in self._kind._field_defaults]

    def _read(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Mapping):
            return self._known(value)
        if not isinstance(value, tuple) or len(value) != len(self._kind._fields):
            raise self._not_one()
        return dict(zip(self._kind._fields, value, strict=True))

    def decode(self, data: Any) -> Any:
        if isinstance(data, list | tuple) and len(data) <= len(self._kind._fields):
            return super().decode(dict(zip(self._kind._fields, data, strict=False)))
        return super().decode(data)

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return {"anyOf": [super().schema(definitions), {"type": "array"}]}

    def _build(self, fields: dict[str, Any]) -> Any:
        return self._kind(**fields)
