"""The OpenAPI document, from the table of routes and the models of what is sent and answered."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import models_json_schema

from flyte_console.answers.parts import Answer, Problem
from flyte_console.core.asks import VERSION_PATTERN
from flyte_console.routes import AnyRoute, BytesRoute, DoorRoute, JsonRoute, Route, StreamRoute
from flyte_schemas.names import NAME_PATTERN, TASK_NAME_PATTERN

_REFERENCE = "#/components/schemas/{model}"
_ANYWHERE = {
    "400": "A parameter cannot be.",
    "401": "Nobody is signed in.",
    "403": "The session does not cover the place, or another site's page asks.",
    "503": "Ask again later.",
}
_IN_PLACES = {**_ANYWHERE, "404": "Nobody knows of it."}
_ENTERING = {
    "400": "What was sent is no code.",
    "401": "The code was used, or is too old.",
    "403": "Another site's page asks.",
    "408": "The code did not come in time.",
    "413": "What was sent is too long.",
    "415": "The code was not sent as JSON.",
    "429": "Too many wrong codes.",
    "503": "Ask again later.",
}
_PATH = {"name": TASK_NAME_PATTERN, "version": VERSION_PATTERN}
"""The patterns of what stands in paths and is no plain name."""
_SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "What `flyte console --token` prints.",
    },
    "browser": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-flyte-session",
        "description": "Set by signing in. Without TLS it is called `flyte-session-PORT`, and goes only with "
        "what is asked at `/api/at/PATH/…`.",
    },
}


def openapi(routes: Iterable[AnyRoute], version: str) -> dict[str, Any]:
    """All routes, and the models of what they take and give."""
    table = list(routes)
    models: dict[type[Answer], None] = {Problem: None}
    for route in table:
        models |= dict.fromkeys(_models(route))
    names, schemas = models_json_schema(
        [(model, "serialization") for model in models], ref_template=_REFERENCE
    )
    references = {model: names[model, "serialization"] for model in models}
    paths: dict[str, Any] = {}
    for route in table:
        paths.setdefault(route.path, {})[method_of(route).lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flytejet console",
            "version": version,
            "description": "Read-only. Everything is a fold of the event log; `as_of` is the sequence of the "
            "log that an answer reflects, and the `id` of a stream's messages: whoever comes back with the "
            "last one (`Last-Event-ID`, or `after`) misses nothing.",
        },
        "security": [{name: []} for name in _SECURITY],
        "paths": paths,
        "components": {"schemas": schemas["$defs"], "securitySchemes": _SECURITY},
    }


def method_of(route: AnyRoute) -> str:
    """By which method a route is asked."""
    return route.method if isinstance(route, DoorRoute) else "GET"


def _models(route: AnyRoute) -> tuple[type[Answer], ...]:
    if isinstance(route, StreamRoute):
        return tuple(route.models.values())
    found = (route.model, route.takes if isinstance(route, DoorRoute) else None)
    return tuple(model for model in found if model is not None)


def _operation(route: AnyRoute, references: dict[type[Answer], Any]) -> dict[str, Any]:
    problem = {"application/json": {"schema": references[Problem]}}
    is_entering = isinstance(route, DoorRoute) and route.takes is not None
    statuses = _ENTERING if is_entering else _IN_PLACES if "{project}" in route.path else _ANYWHERE
    code, success = _success(route, references)
    operation: dict[str, Any] = {
        "operationId": _name(route),
        "summary": route.summary,
        "parameters": [*map(_in_path, re.findall(r"\{(\w+)\}", route.path)), *_in_query(route)],
        "responses": {
            code: success,
            **{code: {"description": text, "content": problem} for code, text in statuses.items()},
        },
    }
    if isinstance(route, DoorRoute) and route.takes is not None:
        taken = {"application/json": {"schema": references[route.takes]}}
        operation |= {"requestBody": {"required": True, "content": taken}, "security": []}
    return operation


def _name(route: AnyRoute) -> str:
    """The operation's name: its method, then the fixed parts of its path and its last name."""
    words = re.findall(r"\w+", route.path.replace("{project}", "").replace("{domain}", ""))
    head, *rest = (method_of(route).lower(), *(word for word in words if word not in ("api", "v1")))
    return head + "".join(word[0].upper() + word[1:] for word in rest)


def _success(route: AnyRoute, references: dict[type[Answer], Any]) -> tuple[str, dict[str, Any]]:
    """The status of what goes well, and what is answered then."""
    match route:
        case StreamRoute():
            text = "Server-Sent Events; the `data` of each `event` is JSON: "
            text += ", ".join(f"`{event}` is {model.__name__}" for event, model in route.models.items())
            some = [{"$ref": _REFERENCE.format(model=model.__name__)} for model in route.models.values()]
            content = {"schema": {"type": "string"}, "x-data": {"anyOf": some}}
            return "200", {"description": text + ".", "content": {"text/event-stream": content}}
        case BytesRoute():
            return "200", {"description": route.summary, "content": {route.content_type: {}}}
        case DoorRoute(model=None):
            return "204", {"description": "Done."}
        case JsonRoute() | DoorRoute():
            schema = references[route.model] if route.model else {"type": "object"}
            return "200", {"description": route.summary, "content": {"application/json": {"schema": schema}}}


def _in_path(name: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": _PATH.get(name, NAME_PATTERN)}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": parameter.name,
            "in": "query",
            "required": parameter.required,
            "description": parameter.text,
            "schema": {"type": "array", "items": parameter.schema} if parameter.many else parameter.schema,
        }
        for parameter in route.parameters
    ]
