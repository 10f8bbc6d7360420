"""Values of tasks that are known by their template only: read and written by JSON Schema.

Where the author's classes are not at hand, an object of theirs becomes a `Record`: a dict whose keys are
attributes too. Going out, a value travels as its own class says, fitted to what the schema asks for.
"""

import datetime
import enum
from collections import namedtuple
from collections.abc import Callable
from typing import Any

from flyte._runtime import wire_json
from flyte._runtime.codecs import Codec, Unfit, codec_of
from flyte._runtime.codecs.codec import ALL_KINDS, Definitions, Whole, kind_of, unfit
from flyte._runtime.codecs.pickles import AnyCodec, PickleCodec, unopened
from flyte._runtime.codecs.plain import schema_kinds
from flyte._runtime.codecs.schemas import CASE, FORM, NAMES
from flyte._runtime.codecs.tables import TableCodec
from flyte._runtime.codecs.texts import BytesCodec
from flyte._runtime.codecs.unions import TAG, VALUE
from flyte._runtime.docstring import parse_docstring
from flyte._runtime.interface import REQUIRED, NativeInterface, NativeParameter
from flyte_schemas.task import Parameter, TaskTemplate

_PLACED = ("file", "dir", "frame")
"""Forms of what is elsewhere: a value says where."""
_ATOMS = (str, int, float, bool, type(None))
_KIND_WORDS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


class Record(dict[str, Any]):
    """An object of a class that is not at hand: `record.x` is `record["x"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r} in this value, only {', '.join(self)}") from None


def described_interface(template: TaskTemplate) -> NativeInterface:
    """The interface of a task by its template; the types of its values are their schemas."""
    outputs = tuple(_parameter(parameter) for parameter in template.interface.outputs)
    build = _named_tuple([parameter.name for parameter in outputs])
    return NativeInterface(
        task=template.name,
        inputs={parameter.name: _parameter(parameter) for parameter in template.interface.inputs},
        outputs=outputs,
        returns_tuple=build is not None or len(outputs) > 1,
        build=build or tuple,
        docs=parse_docstring(template.docs),
    )


def _named_tuple(names: list[str]) -> Callable[[list[Any]], Any] | None:
    """What makes a NamedTuple of outputs with names of their own; None for `o0`, `o1`, …"""
    if names == [f"o{index}" for index in range(len(names))]:
        return None
    made: Any = namedtuple("Outputs", names, rename=True)  # type: ignore[misc]
    return lambda values: made._make(values)


class DescribedCodec(Whole):
    """The codec of a JSON Schema."""

    kinds = ALL_KINDS

    def __init__(self, schema: dict[str, Any]) -> None:
        self.wanted = schema
        self.definitions: Definitions = schema.get("$defs", {})

    def encode(self, value: Any) -> Any:
        return _encode(self.wanted, value, self.definitions)

    def decode(self, data: Any) -> Any:
        return _decode(self.wanted, data, self.definitions)

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return self.wanted


def _parameter(parameter: Parameter) -> NativeParameter:
    codec: Codec = DescribedCodec(wire_json.unwrap(parameter.json_schema))
    default: Any = REQUIRED
    if not parameter.required:
        with unopened():  # who reads what a task takes has not asked for its author's code to run
            default = codec.decode(wire_json.unwrap(parameter.default))
    return NativeParameter(
        name=parameter.name,
        annotation=parameter.annotation,
        codec=codec,
        default=default,
        description=parameter.description,
    )


def _resolved(schema: dict[str, Any], definitions: Definitions) -> dict[str, Any]:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return schema


def _parts(schema: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = schema.get("anyOf") or schema.get("oneOf") or []
    return found


# -- reading -----------------------------------------------------------------------------------------------


def _decode(schema: dict[str, Any], data: Any, definitions: Definitions) -> Any:
    schema = _resolved(schema, definitions)
    if FORM in schema:
        return _decode_form(schema[FORM], data)
    if parts := _parts(schema):
        return _decode_any(parts, data, definitions)
    match data:
        case str():
            return _decode_text(schema.get("format"), data)
        case list():
            return _decode_items(schema, data, definitions)
        case dict() if "properties" in schema or "additionalProperties" in schema:
            return _decode_object(schema, data, definitions)
        case _:
            return AnyCodec().decode(data) if not schema else data


def _decode_form(form: str, data: Any) -> Any:
    match form:
        case "bytes":
            return BytesCodec(bytes).decode(data)
        case "pickle":
            return PickleCodec(object).decode(data)
        case "table":
            return _table(data)
        case _:
            return _placed_value(form, data)


def _placed_value(form: str, data: Any) -> Any:
    """A `flyte.io` object of its wire data."""
    from flyte.io import DataFrame, Dir, File

    kinds: dict[str, Any] = {"file": File, "dir": Dir, "frame": DataFrame}
    if form not in kinds:
        return Record(data) if isinstance(data, dict) else data
    try:
        return kinds[form].model_validate(data)
    except ValueError as error:
        raise unfit(f"expected a {form} by its place: {error}") from error


def _table(data: Any) -> Any:
    try:
        import pandas
    except ImportError:
        return data
    return TableCodec(pandas.DataFrame).decode(data)


def _decode_any(parts: list[dict[str, Any]], data: Any, definitions: Definitions) -> Any:
    if isinstance(data, dict) and set(data) == {TAG, VALUE}:
        chosen = next((part for part in parts if part.get(CASE) == data[TAG]), {})
        return _decode(chosen, data[VALUE], definitions)
    kind = kind_of(data)
    chosen = next((part for part in parts if kind in schema_kinds(part, definitions)), {})
    return _decode(chosen, data, definitions)


def _decode_text(form: str | None, text: str) -> Any:
    try:
        match form:
            case "date-time":
                return datetime.datetime.fromisoformat(text)
            case "date":
                return datetime.date.fromisoformat(text)
            case "duration":
                return codec_of(datetime.timedelta).decode(text)
            case _:
                return text
    except (ValueError, Unfit):
        return text


def _decode_items(schema: dict[str, Any], data: list[Any], definitions: Definitions) -> Any:
    if "prefixItems" in schema:
        pairs = zip(schema["prefixItems"], data, strict=False)
        return tuple(_decode(part, item, definitions) for part, item in pairs)
    each = schema.get("items")
    values = [_decode(each, item, definitions) if isinstance(each, dict) else item for item in data]
    return set(values) if schema.get("uniqueItems") else values


def _decode_object(schema: dict[str, Any], data: dict[str, Any], definitions: Definitions) -> Any:
    properties, other = schema.get("properties"), schema.get("additionalProperties")
    rest = other if isinstance(other, dict) else {}
    values = {
        name: _decode((properties or {}).get(name, rest), item, definitions) for name, item in data.items()
    }
    return values if properties is None else Record(values)


# -- writing -----------------------------------------------------------------------------------------------


def _encode(schema: dict[str, Any], value: Any, definitions: Definitions) -> Any:
    schema = _resolved(schema, definitions)
    if schema.get(FORM) == "pickle":
        return PickleCodec(object).encode(value)
    if FORM in schema:
        return (
            _placed(schema[FORM], value) if isinstance(value, dict) else codec_of(type(value)).encode(value)
        )
    if parts := _parts(schema):
        return _encode_any(parts, value, definitions)
    if not schema:
        return AnyCodec().encode(value)
    match value:
        case enum.Enum() | str() if "enum" in schema:
            return _choice(schema, value)
        case list() | tuple() | set() | frozenset() if schema.get("type") == "array":
            places = schema.get("prefixItems") or [schema.get("items") or {}] * len(value)
            return [_encode(place, item, definitions) for place, item in zip(places, value, strict=False)]
        case dict() if schema.get("type") == "object":
            return _encode_object(schema, value, definitions)
        case _:
            return _checked(schema, value, definitions)


def _placed(form: str, data: dict[str, Any]) -> Any:
    """A file, folder or table that is written as its place, where others find it."""
    return _placed_value(form, data).model_dump(mode="json") if form in _PLACED else data


def placed_for_others(codec: Codec, data: Any) -> Any:
    """JSON data of a described type, as `_placed` has it when it is a file, folder or table itself."""
    if not isinstance(codec, DescribedCodec) or not isinstance(data, dict):
        return data
    schema = _resolved(codec.wanted, codec.definitions)
    for part in (schema, *_parts(schema)):
        form = _resolved(part, codec.definitions).get(FORM)
        if form in _PLACED and ("uri" if form == "frame" else "path") in data:
            return _placed(form, data)
    return data


def _encode_any(parts: list[dict[str, Any]], value: Any, definitions: Definitions) -> Any:
    complaints = []
    for part in parts:
        try:
            data = _encode(part, value, definitions)
        except Unfit as error:
            complaints.append(str(error))
            continue
        return {TAG: part[CASE], VALUE: data} if CASE in part else data
    raise unfit("; ".join(dict.fromkeys(complaints)))


def _encode_object(schema: dict[str, Any], value: dict[str, Any], definitions: Definitions) -> Any:
    properties, other = schema.get("properties", {}), schema.get("additionalProperties")
    missing = [name for name in schema.get("required", ()) if name not in value]
    if missing:
        raise unfit("Field required", missing[0])
    rest = other if isinstance(other, dict) else {}
    return {str(name): _encode(properties.get(name, rest), item, definitions) for name, item in value.items()}


def _choice(schema: dict[str, Any], value: Any) -> Any:
    plain = value.value if isinstance(value, enum.Enum) else value
    if plain in schema["enum"]:
        return plain
    names = schema.get(NAMES, [])
    if plain in names:
        return schema["enum"][names.index(plain)]
    raise unfit(f"Input should be one of {', '.join(map(repr, names or schema['enum']))}")


def _checked(schema: dict[str, Any], value: Any, definitions: Definitions) -> Any:
    """A value of another class as that class writes it; its kind must be one that the schema admits."""
    data = value if type(value) in _ATOMS else codec_of(type(value)).encode(value)
    wanted, kind = schema_kinds(schema, definitions), kind_of(data)
    if kind in wanted or (kind == "int" and "float" in wanted):
        return data
    words = " or ".join(_KIND_WORDS.get(word, word) for word in sorted(wanted))
    raise unfit(f"Input should be a valid {words}")
