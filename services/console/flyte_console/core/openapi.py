"""The OpenAPI document, from the table of routes and the models of their answers."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import models_json_schema

from flyte_console.answers.parts import Answer, Problem
from flyte_console.routes import AnyRoute, BytesRoute, JsonRoute, Route, StreamRoute

_REFERENCE = "#/components/schemas/{model}"
_STATUSES = {"400": "A parameter cannot be.", "404": "Nobody knows of it.", "503": "Ask again later."}


def openapi(routes: Iterable[AnyRoute], version: str) -> dict[str, Any]:
    """All routes, and the models that they answer with."""
    table = list(routes)
    models: dict[type[Answer], None] = {Problem: None}
    for route in table:
        models |= dict.fromkeys(_models(route))
    names, schemas = models_json_schema(
        [(model, "serialization") for model in models], ref_template=_REFERENCE
    )
    references = {model: names[model, "serialization"] for model in models}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flytejet console",
            "version": version,
            "description": "Read-only. Everything is a fold of the event log; `as_of` is the sequence of the "
            "log that an answer reflects, and the `id` of a stream's messages: whoever comes back with the "
            "last one (`Last-Event-ID`, or `after`) misses nothing.",
        },
        "paths": {route.path: {"get": _operation(route, references)} for route in table},
        "components": {"schemas": schemas["$defs"]},
    }


def _models(route: AnyRoute) -> tuple[type[Answer], ...]:
    if isinstance(route, StreamRoute):
        return tuple(route.models.values())
    return (route.model,) if isinstance(route, JsonRoute) and route.model else ()


def _operation(route: AnyRoute, references: dict[type[Answer], Any]) -> dict[str, Any]:
    problem = {"application/json": {"schema": references[Problem]}}
    return {
        "summary": route.summary,
        "parameters": [*map(_in_path, re.findall(r"\{(\w+)\}", route.path)), *_in_query(route)],
        "responses": {
            "200": _success(route, references),
            **{code: {"description": text, "content": problem} for code, text in _STATUSES.items()},
        },
    }


def _success(route: AnyRoute, references: dict[type[Answer], Any]) -> dict[str, Any]:
    match route:
        case StreamRoute():
            text = "Server-Sent Events; the `data` of each `event` is JSON: "
            text += ", ".join(f"`{event}` is {model.__name__}" for event, model in route.models.items())
            some = [{"$ref": _REFERENCE.format(model=model.__name__)} for model in route.models.values()]
            return {
                "description": text + ".",
                "content": {"text/event-stream": {"schema": {"type": "string"}, "x-data": {"anyOf": some}}},
            }
        case BytesRoute():
            content: dict[str, Any] = {route.content_type: {}}
            return {"description": route.summary, "content": content}
        case JsonRoute():
            schema = references[route.model] if route.model else {"type": "object"}
            return {"description": route.summary, "content": {"application/json": {"schema": schema}}}


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _in_query(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": parameter.name,
            "in": "query",
            "required": parameter.required,
            "description": parameter.text,
            "schema": {"type": "array", "items": {"type": "string"}}
            if parameter.many
            else {"type": "string"},
        }
        for parameter in route.parameters
    ]
