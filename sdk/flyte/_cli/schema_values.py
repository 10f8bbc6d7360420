"""Text from a command line to JSON data, by a JSON Schema: for tasks whose Python types are not here."""

import datetime
import json
from typing import Any

from flyte._cli.values import BadText, load_document, parse_bool, parse_time

_SCALARS = {"integer": "a whole number", "number": "a number"}


def parse(schema: dict[str, Any], text: str, definitions: dict[str, Any] | None = None) -> Any:
    """The JSON data that `text` stands for under `schema`. Raises BadText."""
    definitions = definitions if definitions is not None else schema.get("$defs", {})
    if "$ref" in schema:
        return parse(definitions[schema["$ref"].rpartition("/")[2]], text, definitions)
    if "anyOf" in schema:
        return _any_of(schema["anyOf"], text, definitions)
    if "enum" in schema or "const" in schema:
        return _choice(schema.get("enum", [schema.get("const")]), text)
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
            return _anything(text)


def is_optional(schema: dict[str, Any]) -> bool:
    return any(part.get("type") == "null" for part in schema.get("anyOf", ()))


def _any_of(parts: list[dict[str, Any]], text: str, definitions: dict[str, Any]) -> Any:
    complaints = []
    wanted = [part for part in parts if part.get("type") != "null"]
    for part in sorted(wanted, key=lambda item: item.get("type") == "string"):
        try:
            return parse(part, text, definitions)
        except BadText as error:
            complaints.append(str(error))
    raise BadText("; ".join(dict.fromkeys(complaints)))


def _choice(choices: list[Any], text: str) -> Any:
    for choice in choices:
        if text == (choice if isinstance(choice, str) else json.dumps(choice)):
            return choice
    raise BadText(f"expected one of {', '.join(str(choice) for choice in choices)}")


def _number(kind: str, text: str) -> int | float:
    try:
        return int(text) if kind == "integer" else float(text)
    except ValueError as error:
        raise BadText(f"expected {_SCALARS[kind]}") from error


def _text(form: str | None, text: str) -> str:
    if form != "date-time":
        return text
    try:
        moment = datetime.datetime.fromisoformat(parse_time(text, datetime.datetime.now(datetime.UTC)))
    except ValueError as error:
        raise BadText("expected a date and time, e.g. 2024-01-02T03:04:05Z") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).isoformat()


def _anything(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
