"""The public subjects of the control plane as an AsyncAPI 3 document: who says what where, and may ask what.

The application that it describes is the control plane: it sends events and receives requests. What its
services say only to each other (timers, work for workers) is not in it, and may change.
"""

import re
from typing import Any

from pydantic import BaseModel

from flyte_schemas import endpoints, overview, tidying
from flyte_schemas.channels import types_on
from flyte_schemas.endpoints import Endpoint, Ping, Pong, ping_endpoint
from flyte_schemas.events import AbortAction, DeployTask, EventData, SignalCondition, StartRun
from flyte_schemas.failure import Failure
from flyte_schemas.json_schemas import Schema, definitions_of, envelope_of
from flyte_schemas.streams import LOGS, REQUESTS, RUNS, TASKS, TRIGGERS, StreamSpec
from flyte_schemas.subjects import (
    ActionKey,
    RunKey,
    action_subject,
    live,
    log_subject,
    request_subject,
    task_subject,
    triggers_subject,
)
from flyte_schemas.trigger_events import CreateTrigger, DeleteTrigger, DeployTriggers, SwitchTrigger

_COMPONENT = "#/components/schemas/{model}"
_RUN = RunKey("{project}", "{domain}", "{run}")
_ACTION = ActionKey(_RUN, "{action}")
_PLACE = ("{project}", "{domain}")

_PARAMETERS = {
    "project": "The project.",
    "domain": "The domain, e.g. development.",
    "run": "The name of the run.",
    "action": "The name of the action within its run; a0 is the root.",
    "environment": "The environment of the tasks.",
    "task": "The function's name; with the environment's before it, the task's full name.",
    "user": "Who asks, percent-encoded with its dots: alice@example%2Ecom.",
    "service": "registry, dataproxy, executor, scheduler, notifier, guard or console.",
}
_STREAMS = {
    "tasks": (TASKS, task_subject(*_PLACE, "{environment}.{task}")),
    "triggers": (TRIGGERS, triggers_subject(*_PLACE, "{environment}.{task}")),
    "runs": (RUNS, action_subject(_ACTION)),
    "logs": (LOGS, log_subject(_ACTION)),
}
_TRIGGER_WORDS = (CreateTrigger, DeployTriggers, SwitchTrigger, DeleteTrigger)
_REQUESTS: dict[str, tuple[str, tuple[type[EventData], ...]]] = {
    "deployRequests": (request_subject(*_PLACE, "deploy", "{environment}", "{user}"), (DeployTask,)),
    "triggerRequests": (request_subject(*_PLACE, "trigger", "{environment}", "{user}"), _TRIGGER_WORDS),
    "runRequests": (request_subject(*_PLACE, "run", "{run}", "{user}"), (StartRun,)),
    "abortRequests": (request_subject(*_PLACE, "abort", "{run}", "{user}"), (AbortAction,)),
    "signalRequests": (request_subject(*_PLACE, "signal", "{run}", "{user}"), (SignalCondition,)),
}


def questions() -> dict[str, Endpoint[Any, Any]]:
    """The questions that anybody may ask, by a name."""
    words = (*vars(endpoints).values(), *vars(overview).values(), *vars(tidying).values())
    found = (one for one in words if isinstance(one, Endpoint))
    asked = {_camel(one.subject.rpartition(".")[2]): one for one in found}
    return asked | {"ping": ping_endpoint("{service}")}


def asyncapi(version: str) -> dict[str, Any]:
    """The document; `version` is that of the platform."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for name, (stream, address) in _STREAMS.items():
        for suffix, where in (("", address), ("Live", live(address))):
            channels[f"{name}{suffix}"] = _stream_channel(stream, where, is_live=bool(suffix))
            operations[f"tell{_title(name)}{suffix}"] = _operation("send", f"{name}{suffix}")
    for name, (address, asked) in _REQUESTS.items():
        said = " ".join(map(_paragraph, asked))
        channels[name] = _channel(address, said, [data.TYPE for data in asked], {"x-stream": REQUESTS.name})
        operations[f"take{_title(name)}"] = _operation("receive", name)
    for name, endpoint in questions().items():
        channels[name] = _channel(_address(endpoint), _paragraph(endpoint.ask), [endpoint.ask.__name__], {})
        channels[f"{name}Answer"] = _channel(None, _paragraph(endpoint.answer), [_answer(endpoint)], {})
        operations[f"answer{_title(name)}"] = _operation("receive", name, f"{name}Answer")
    return {
        "asyncapi": "3.0.0",
        "id": "urn:flytejet:control-plane",
        "info": _info(version),
        "defaultContentType": "application/json",
        "servers": {
            "stack": {
                "host": "127.0.0.1:4222",
                "protocol": "nats",
                "description": "The NATS server of a stack; `flyte status` says where it is.",
            }
        },
        "channels": channels,
        "operations": operations,
        "components": _components(),
    }


def _info(version: str) -> dict[str, Any]:
    return {
        "title": "Flytejet",
        "version": version,
        "description": "What happens to tasks and runs, as it is told on NATS JetStream; and how to ask "
        "for it. See docs/events.md: ids, order, cursors, what may change.",
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
    }


def _stream_channel(stream: StreamSpec, address: str, *, is_live: bool) -> dict[str, Any]:
    how = (
        "As it happens, to who subscribes: at most once, with its place in the stream in the headers."
        if is_live
        else "In the stream: read it by direct get, or by a consumer."
    )
    names = [data.TYPE for data in types_on(stream)]
    return _channel(address, f"{stream.description} {how}", names, {"x-stream": stream.name})


def _channel(
    address: str | None, description: str, messages: list[str], more: dict[str, Any]
) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": address,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        **more,
    }
    if names := re.findall(r"\{(\w+)\}", address or ""):
        channel["parameters"] = {name: {"description": _PARAMETERS[name]} for name in names}
    return channel


def _operation(action: str, channel: str, reply: str | None = None) -> dict[str, Any]:
    operation: dict[str, Any] = {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}
    if reply is not None:
        operation["reply"] = {
            "address": {
                "location": "$message.header#/reply",
                "description": "The reply subject of the NATS message.",
            },
            "channel": {"$ref": f"#/channels/{reply}"},
        }
    return operation


def _components() -> dict[str, Any]:
    told = [data for stream, _ in _STREAMS.values() for data in types_on(stream)]
    told += [data for _, requests in _REQUESTS.values() for data in requests]
    asked = questions().values()
    words: set[type[BaseModel]] = {
        Failure,
        Ping,
        Pong,
        *told,
        *(one.ask for one in asked),
        *(one.answer for one in asked),
    }
    messages = {data.TYPE: _event_message(data) for data in told}
    for endpoint in asked:
        messages[endpoint.ask.__name__] = _message(endpoint.ask.__name__, _reference(endpoint.ask.__name__))
        messages[_answer(endpoint)] = _message(_answer(endpoint), _answer_schema(endpoint))
    return {"messages": messages, "schemas": definitions_of(sorted(words, key=_name), _COMPONENT)}


def _event_message(data: type[EventData]) -> dict[str, Any]:
    payload = envelope_of(data)
    payload["properties"]["data"] = _reference(data.__name__)
    return _message(data.TYPE, payload) | {
        "title": data.__name__,
        "summary": _paragraph(data),
        "contentType": "application/cloudevents+json",
    }


def _message(name: str, payload: Schema) -> dict[str, Any]:
    return {"name": name, "payload": payload}


def _address(endpoint: Endpoint[Any, Any]) -> str:
    return ".".join((endpoint.subject, *(f"{{{name}}}" for name in endpoint.place)))


def _answer(endpoint: Endpoint[Any, Any]) -> str:
    return f"{endpoint.ask.__name__}.answer"


def _answer_schema(endpoint: Endpoint[Any, Any]) -> Schema:
    """The answer, or the failure in its place."""
    kinds = {"answer": endpoint.answer.__name__, "failure": "Failure"}
    return {
        "oneOf": [
            {"type": "object", "properties": {name: _reference(model)}, "required": [name]}
            for name, model in kinds.items()
        ]
    }


def _reference(model: str) -> Schema:
    return {"$ref": _COMPONENT.format(model=model)}


def _name(model: type) -> str:
    return model.__name__


def _paragraph(model: type) -> str:
    return " ".join((model.__doc__ or "").split())


def _title(name: str) -> str:
    return name[0].upper() + name[1:]


def _camel(name: str) -> str:
    first, *rest = name.split("-")
    return first + "".join(map(str.title, rest))
