"""Which codec carries a type: the first that fits, from what loses nothing to what pickles."""

import collections.abc
import dataclasses
import enum
import types
import typing
from typing import Any

import typing_extensions

from flyte._runtime.codecs.codec import Codec
from flyte._runtime.codecs.containers import DictCodec, ListCodec, PairsCodec, TupleCodec
from flyte._runtime.codecs.hashed import HashedCodec, hash_method_of
from flyte._runtime.codecs.pickles import AnyCodec, PickleCodec
from flyte._runtime.codecs.plain import (
    INSTANTS,
    InstantCodec,
    PlainCodec,
    ScalarCodec,
    is_plain,
    is_plain_key,
)
from flyte._runtime.codecs.records import (
    Choose,
    DataclassCodec,
    ModelCodec,
    NamedTupleCodec,
    RecordCodec,
    TypedDictCodec,
)
from flyte._runtime.codecs.signs import fields_of, hints_of, is_model, is_named_tuple, is_typed_dict
from flyte._runtime.codecs.tables import TableCodec, is_table
from flyte._runtime.codecs.texts import BytesCodec, MemberCodec
from flyte._runtime.codecs.unions import UnionCodec

_SCALARS: frozenset[Any] = frozenset({bool, int, float, str, None, type(None)})
_BARE: frozenset[Any] = frozenset({list, dict, tuple, set, frozenset})
_LISTS: tuple[Any, ...] = (
    list,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Collection,
    collections.abc.Iterable,
)
_DICTS: tuple[Any, ...] = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def codec_of(annotation: Any) -> Codec:
    """The codec of a type. Every type has one."""
    return _Chooser().choose(annotation)


class _Chooser:
    """Chooses for one annotation; a record that is met again within itself gets the same codec."""

    def __init__(self) -> None:
        self._records: dict[Any, RecordCodec] = {}

    def choose(self, annotation: Any) -> Codec:
        annotation = _unwrapped(annotation)
        if (method := hash_method_of(annotation)) is not None:
            kind = typing.get_args(annotation)[0]
            return HashedCodec(kind, self.choose(kind), method)
        if _in(annotation, _SCALARS):
            return ScalarCodec(annotation)
        if _in(annotation, INSTANTS):
            return InstantCodec(annotation)
        if is_plain(annotation):
            try:
                return PlainCodec(annotation)
            except TypeError:
                pass  # a schema of its own that pydantic cannot make: then by its parts
        if typing.get_origin(annotation) is typing.Annotated:
            return self.choose(typing.get_args(annotation)[0])
        if annotation in (Any, object) or isinstance(annotation, typing.TypeVar):
            return AnyCodec()
        return self._by_origin(annotation) or self._by_class(annotation) or PickleCodec(annotation)

    def _by_origin(self, annotation: Any) -> Codec | None:
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        bare = origin if origin is not None and not arguments else annotation
        if _in(bare, _BARE) and arguments != ((),):
            return AnyCodec(bare)
        if origin in (typing.Union, types.UnionType):
            if any(member in (Any, object) for member in arguments):
                return AnyCodec()
            return UnionCodec([(member, self.choose(member)) for member in arguments])
        if origin in _LISTS and arguments:
            return ListCodec(self.choose(arguments[0]), list, (list, *_other_lists(origin)), "list")
        if origin in (set, frozenset, collections.abc.Set) and arguments:
            build = frozenset if origin is frozenset else set
            return ListCodec(self.choose(arguments[0]), build, (build, collections.abc.Set), build.__name__)
        if origin is tuple and arguments:
            return self._tuple(arguments)
        if origin in _DICTS and len(arguments) == 2:
            key, item = self.choose(arguments[0]), self.choose(arguments[1])
            return DictCodec(key, item) if is_plain_key(_unwrapped(arguments[0])) else PairsCodec(key, item)
        if isinstance(origin, type) and (dataclasses.is_dataclass(origin) or is_model(origin)):
            return self._by_class(origin)
        return None

    def _tuple(self, arguments: tuple[Any, ...]) -> Codec:
        if len(arguments) == 2 and arguments[1] is ...:
            return ListCodec(self.choose(arguments[0]), tuple, (tuple,), "tuple")
        return TupleCodec([self.choose(argument) for argument in arguments])

    def _by_class(self, kind: Any) -> Codec | None:
        if is_typed_dict(kind):
            return self._record(kind, TypedDictCodec) if hints_of(kind) is not None else AnyCodec(dict)
        if not isinstance(kind, type):
            return None
        if issubclass(kind, bytes | bytearray):
            return BytesCodec(kind)
        if issubclass(kind, enum.Enum):
            return MemberCodec(kind)
        if is_table(kind):
            return TableCodec(kind)
        if is_named_tuple(kind):
            return self._record(kind, NamedTupleCodec)
        if is_model(kind):
            return self._record(kind, ModelCodec)
        if dataclasses.is_dataclass(kind) and fields_of(kind) is not None:
            return self._record(kind, DataclassCodec)
        return None

    def _record(self, kind: Any, codec: "type[RecordCodec]") -> RecordCodec:
        if kind not in self._records:
            choose: Choose = self.choose
            self._records[kind] = codec(kind, choose)
        return self._records[kind]


def _unwrapped(annotation: Any) -> Any:
    """What stands behind a NewType, or a name given to a type."""
    while True:
        if hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif isinstance(annotation, typing_extensions.TypeAliasType):
            annotation = annotation.__value__
        else:
            return annotation


def _other_lists(origin: Any) -> tuple[type, ...]:
    """What else may be given where an abstract sequence is wanted: it arrives as a list."""
    return () if origin is list else (tuple, set, frozenset, collections.abc.KeysView, range)


def _in(annotation: Any, known: frozenset[Any]) -> bool:
    try:
        return annotation in known
    except TypeError:  # not hashable: an Annotated with such metadata
        return False
