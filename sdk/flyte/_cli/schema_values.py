"""Text from a command line to JSON data, by a JSON Schema: for tasks whose Python types are not here.

The outcome is what `flyte._cli.values` and the type's codec would give together; the marks that begin with
`x-flyte` say what plain JSON Schema cannot.
"""

import base64
import datetime
import json
from typing import Any

from flyte._cli.times import BadText, parse_duration, parse_moment
from flyte._cli.values import any_value, existing, load_document, load_reference, parse_bool
from flyte._runtime.codecs import Unfit
from flyte._runtime.codecs.pickles import AnyCodec, PickleCodec
from flyte._runtime.codecs.plain import schema_kinds
from flyte._runtime.codecs.schemas import CASE, FORM, NAMES
from flyte._runtime.codecs.tables import PARQUET
from flyte._runtime.codecs.unions import TAG, VALUE

_SCALARS = {"integer": "a whole number", "number": "a number"}


def parse(schema: dict[str, Any], text: str, definitions: dict[str, Any] | None = None) -> Any:
    """The JSON data that `text` stands for under `schema`. Raises BadText."""
    definitions = definitions if definitions is not None else schema.get("$defs", {})
    if "$ref" in schema:
        return parse(definitions[schema["$ref"].rpartition("/")[2]], text, definitions)
    if FORM in schema:
        return _of_form(schema[FORM], text)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return _any_of(schema[word], text, definitions)
    if "enum" in schema or "const" in schema:
        choices = schema.get("enum", [schema.get("const")])
        return _choice(choices, schema.get(NAMES, []), text)
    match schema.get("type"):
        case "boolean":
            return parse_bool(text)
        case "integer" | "number" as kind:
            return _number(kind, text)
        case "string":
            return _text(schema.get("format"), text)
        case "array" | "object" as kind:
            document = load_document(text)
            if not isinstance(document, list if kind == "array" else dict):
                raise BadText(f"expected a JSON {kind}")
            return document
        case _:
            return _encoded(AnyCodec(), any_value(text))


def member_names(schema: dict[str, Any]) -> list[str]:
    """The names of an enum's members; none for any other type."""
    target = schema.get("$ref", "").rpartition("/")[2]
    found = schema.get("$defs", {}).get(target, {}) if target else schema
    return list(found.get(NAMES, []))


def is_optional(schema: dict[str, Any]) -> bool:
    return any(part.get("type") == "null" for part in schema.get("anyOf", ()))


def _of_form(form: str, text: str) -> Any:
    match form:
        case "bytes":
            return base64.b64encode(text.encode()).decode()
        case "table":
            return _table(existing(text, form))
        case "file" | "dir":
            return load_document(text) if text.lstrip().startswith("{") else {"path": existing(text, form)}
        case "frame":
            return load_document(text) if text.lstrip().startswith("{") else {"uri": existing(text, "file")}
        case _:
            return _encoded(PickleCodec(object), load_reference(text))


def _table(path: str) -> Any:
    from flyte._runtime.codecs.tables import parquet_file_bytes

    try:
        return {PARQUET: base64.b64encode(parquet_file_bytes(path)).decode()}
    except (ImportError, OSError, ValueError) as error:
        raise BadText(f"{path} is not a Parquet or CSV file: {error}") from error


def _encoded(codec: AnyCodec | PickleCodec, value: Any) -> Any:
    try:
        return codec.encode(value)
    except Unfit as error:
        raise BadText(str(error)) from error


def _any_of(parts: list[dict[str, Any]], text: str, definitions: dict[str, Any]) -> Any:
    complaints = []
    wanted = [part for part in parts if part.get("type") != "null"]
    for part in sorted(wanted, key=lambda item: _turn(item, definitions)):
        try:
            data = parse(part, text, definitions)
        except BadText as error:
            complaints.append(str(error))
            continue
        return {TAG: part[CASE], VALUE: data} if CASE in part else data
    raise BadText("; ".join(dict.fromkeys(complaints)))


def _turn(part: dict[str, Any], definitions: dict[str, Any]) -> int:
    """When a part is tried: scalars, then text, then what is written as JSON."""
    is_text = part.get("type") == "string" and "format" not in part and FORM not in part
    if is_text:
        return 1
    return 2 if schema_kinds(part, definitions) & {"array", "object"} else 0


def _choice(choices: list[Any], names: list[str], text: str) -> Any:
    if text in names:
        return choices[names.index(text)]
    for choice in choices:
        if text == (choice if isinstance(choice, str) else json.dumps(choice)):
            return choice
    for choice in choices:
        if isinstance(choice, str) and choice.upper() == text:
            return choice
    raise BadText(f"expected one of {', '.join(names or map(str, choices))}")


def _number(kind: str, text: str) -> int | float:
    try:
        return int(text) if kind == "integer" else float(text)
    except ValueError as error:
        raise BadText(f"expected {_SCALARS[kind]}") from error


def _text(form: str | None, text: str) -> str:
    match form:
        case "date-time":
            return parse_moment(text).isoformat()
        case "date":
            return parse_moment(text).date().isoformat() if text[:1] in "nt" else _date(text)
        case "duration":
            return f"PT{parse_duration(text).total_seconds():.6f}S"
        case _:
            return text


def _date(text: str) -> str:
    try:
        return datetime.date.fromisoformat(text.strip()).isoformat()
    except ValueError as error:
        raise BadText("expected a date, e.g. 2024-01-02") from error
