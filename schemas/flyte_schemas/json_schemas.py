"""The events as JSON Schemas (2020-12), for subscribers in any language: made from the types, never written.

A reader must take what a later version adds, so these schemas are open: a field that they do not name is
allowed. The types themselves are closed, and refuse it where it enters the platform.
"""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from flyte_schemas.events import EventData
from flyte_schemas.vocabulary import DATA_TYPES

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
LOCAL = "#/$defs/{model}"


def event_schema(data: type[EventData], *, closed: bool = False) -> Schema:
    """The schema of one type's CloudEvents; with `closed` an unknown field is an error."""
    envelope, definitions = envelope_of(data), definitions_of([data], LOCAL)
    envelope["properties"]["data"] = {"$ref": LOCAL.format(model=data.__name__)}
    if closed:
        definitions = {name: _closed(one) for name, one in definitions.items()}
        envelope["additionalProperties"] = False
    return {
        "$schema": DIALECT,
        "$id": f"urn:flytejet:event:{data.TYPE}",
        **envelope,
        "$defs": definitions,
    }


def all_events_schema() -> Schema:
    """The schema of any event."""
    return {
        "$schema": DIALECT,
        "$id": "urn:flytejet:event",
        "title": "Event",
        "description": "Any event of the log.",
        "oneOf": [{"$ref": f"urn:flytejet:event:{data.TYPE}"} for data in DATA_TYPES],
    }


def envelope_of(data: type[EventData]) -> Schema:
    """A CloudEvents document of a type, but for what its `data` is."""
    return {
        "title": data.__name__,
        "description": _paragraph(data),
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0", "type": "string"},
            "id": {
                "type": "string",
                "minLength": 1,
                "description": "Of the event, however often it comes: what comes twice is told by it.",
            },
            "type": {"const": data.TYPE, "type": "string"},
            "source": {"type": "string", "description": "Who says so."},
            "subject": {"type": "string", "description": "The subject of the log that it stands on."},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json", "type": "string"},
            "cause": {"type": ["string", "null"], "description": "The id of the event that led to it."},
            "traceparent": {"type": ["string", "null"], "description": "Of the trace that it belongs to."},
            "data": {},
        },
        "required": ["specversion", "id", "type", "source", "subject", "time", "data"],
    }


def definitions_of(models: Iterable[type[BaseModel]], reference: str) -> dict[str, Schema]:
    """The schemas of some types and of all that they hold, by name; `reference` says how they are named."""
    asked = [(model, "validation") for model in models]
    _, document = models_json_schema(asked, ref_template=reference)  # type: ignore[arg-type]
    definitions: dict[str, Schema] = document.get("$defs", {})
    return {name: _opened(one) for name, one in sorted(definitions.items())}


def _opened(schema: Any) -> Any:
    """Without what forbids further fields, and without pydantic's hint by which field a union is told."""
    if isinstance(schema, list):
        return [_opened(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _opened(value) for name, value in schema.items() if name != "discriminator"}
    if kept.get("additionalProperties") is False:
        del kept["additionalProperties"]
    return kept


def _closed(schema: Schema) -> Schema:
    is_object = schema.get("type") == "object" and "additionalProperties" not in schema
    return {**schema, "additionalProperties": False} if is_object else schema


def _paragraph(data: type[EventData]) -> str:
    return " ".join((data.__doc__ or "").split())
