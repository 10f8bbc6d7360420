"""The exported schemas say what is on the wire: today's words, and those that earlier versions wrote."""

import copy
import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from referencing import Registry, Resource

from flyte_schemas.asyncapi import asyncapi, questions
from flyte_schemas.channels import SUBSCRIBED_TYPES, stream_of, types_on
from flyte_schemas.envelope import Event
from flyte_schemas.events import EventData
from flyte_schemas.json_schemas import all_events_schema, event_schema
from flyte_schemas.streams import LOGS, RUNS, STREAMS, TASKS
from flyte_schemas.vocabulary import DATA_TYPES
from testkit.recorded_logs import recorded

FOLDER = Path(__file__).parent
DOCUMENT: dict[str, Any] = json.loads(json.dumps(asyncapi("1.2.3")))
TYPES = {data.TYPE: data for data in DATA_TYPES}

every_type = pytest.mark.parametrize("data", DATA_TYPES, ids=lambda data: data.TYPE)


def draft_2020(schema: Any, **more: Any) -> Any:
    """A validator, loaded by who runs these tests: what it brings takes seconds."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema, **more)


def draft_7(schema: Any) -> Any:
    from jsonschema import Draft7Validator

    return Draft7Validator(schema)


def refused() -> AbstractContextManager[Any]:
    from jsonschema import ValidationError

    return pytest.raises(ValidationError)


@cache
def reader(type: str) -> Any:
    """What a reader of today takes for an event of this type."""
    return draft_2020(event_schema(TYPES[type]))


@cache
def specification() -> Any:
    return draft_7(orjson.loads((FOLDER / "asyncapi" / "asyncapi-3.0.0.json").read_bytes()))


def golden(data: type[EventData]) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads((FOLDER / "wire" / f"{data.TYPE}.json").read_bytes())
    return document


@every_type
def test_a_word_on_the_wire_is_what_its_schema_says(data: type[EventData]) -> None:
    validator = draft_2020(event_schema(data, closed=True))
    validator.check_schema(validator.schema)
    validator.validate(golden(data))


@every_type
def test_a_reader_takes_what_a_later_version_adds_and_nothing_else_is_taken(data: type[EventData]) -> None:
    document = golden(data)
    later = document | {"new": 1, "data": document["data"] | {"new": 1}}
    reader(data.TYPE).validate(later)
    with refused():
        draft_2020(event_schema(data, closed=True)).validate(later)
    for name in ("id", "time", "subject", "data"):
        with refused():
            reader(data.TYPE).validate({key: value for key, value in document.items() if key != name})
    with refused():
        reader(data.TYPE).validate(document | {"type": "flyte.other.v1"})
    required = event_schema(data)["$defs"][data.__name__].get("required", [])
    for name in required:
        rest = {key: value for key, value in document["data"].items() if key != name}
        with refused():
            reader(data.TYPE).validate(document | {"data": rest})


@pytest.mark.parametrize("path", sorted((FOLDER / "logs").glob("*.jsonl")), ids=lambda path: path.stem)
def test_what_earlier_versions_wrote_is_what_the_schemas_say(path: Path) -> None:
    _, entries = recorded(path)
    for entry in entries:
        assert isinstance(entry.content, Event)
        reader(entry.content.type).validate(orjson.loads(entry.raw))


def test_one_schema_is_of_any_event() -> None:
    schemas = [Resource.from_contents(event_schema(data)) for data in DATA_TYPES]
    registry: Registry[Any] = Registry().with_resources((one.id() or "", one) for one in schemas)
    any_event = draft_2020(all_events_schema(), registry=registry)
    for data in DATA_TYPES:
        any_event.validate(golden(data))
    with refused():
        any_event.validate(golden(DATA_TYPES[0]) | {"type": "flyte.unheard-of.v1"})


def test_the_document_is_one_of_asyncapi_3() -> None:
    specification().validate(DOCUMENT)


@pytest.mark.parametrize(
    "place", [("info", "title"), ("channels", "runs", "address"), ("operations", "tellRuns")]
)
def test_what_is_none_is_refused(place: tuple[str, ...]) -> None:
    broken = copy.deepcopy(DOCUMENT)
    *way, last = place
    at = broken
    for name in way:
        at = at[name]
    at[last] = 7
    with refused():
        specification().validate(broken)


def test_every_reference_of_the_document_leads_somewhere() -> None:
    found = list(references(DOCUMENT))
    assert len(found) > 200
    for reference in found:
        at: Any = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            at = at[name]
        assert at


def test_the_page_for_subscribers_names_every_subject_of_the_streams() -> None:
    page = (FOLDER.parents[1] / "docs" / "events.md").read_text()
    addresses = {
        one["address"]: one["x-stream"] for one in DOCUMENT["channels"].values() if "x-stream" in one
    }
    assert len(addresses) == 13
    for address, stream in addresses.items():
        assert re.search(rf"\| `{stream}` .*`{re.escape(address)}`", page), address


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_every_word_is_on_a_stream_and_those_for_everybody_are_in_the_document() -> None:
    assert {data for stream in STREAMS for data in types_on(stream)} == set(DATA_TYPES)
    channels = DOCUMENT["channels"]
    for name, stream in (("tasks", TASKS), ("runs", RUNS), ("logs", LOGS)):
        for where in (name, f"{name}Live"):
            assert set(channels[where]["messages"]) == {data.TYPE for data in types_on(stream)}
    asked = {kind for name in channels if name.endswith("Requests") for kind in channels[name]["messages"]}
    assert asked == {data.TYPE for data in DATA_TYPES if data.TYPE.startswith("flyte.request.")}
    assert {stream_of(data) for data in SUBSCRIBED_TYPES} == {RUNS, TASKS}
    assert {"listRuns", "getTask", "createUploadLocation", "ping"} <= set(questions())


@pytest.mark.parametrize("name", [name for name, one in DOCUMENT["channels"].items() if "x-stream" in one])
def test_a_word_in_the_document_stands_on_the_subject_that_it_names(name: str) -> None:
    channel = DOCUMENT["channels"][name]
    pattern = re.sub(r"\\{\w+\\}", "[^.]+", re.escape(channel["address"].replace("flyte.live.", "flyte.")))
    assert channel["messages"]
    for message in channel["messages"]:
        payload = DOCUMENT["components"]["messages"][message]["payload"]
        word = orjson.loads((FOLDER / "wire" / f"{message}.json").read_bytes())
        assert re.fullmatch(pattern, word["subject"]), word["subject"]
        draft_7({**payload, "components": DOCUMENT["components"]}).validate(word)
