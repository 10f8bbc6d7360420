"""An event on the wire: a CloudEvents 1.0 document in structured JSON.

`decode` refuses bytes that are not such a document (`Malformed`), keeps a type that it does not know
(`UnknownData`), and validates everything else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar

import orjson
from pydantic import StringConstraints, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic reads this one only, before Python 3.12

from flyte_schemas.events import EventData
from flyte_schemas.vocabulary import DATA_TYPES, UnknownData
from flyte_schemas.words import Moment, Word

MAX_EVENT_BYTES = 1_000_000
"""What nats-server takes by default is 1 MiB a message; an event stays below it with its headers."""

DEEPEST = 160
"""Levels of lists and objects in an event: some of its readers and writers take 200, others 1,000."""
_TOO_DEEP = f"it is nested more than {DEEPEST} levels deep"

_BY_TYPE: dict[str, Callable[[object], EventData]] = {
    data.TYPE: data.__pydantic_validator__.validate_python for data in DATA_TYPES
}

DataT = TypeVar("DataT", bound=EventData | UnknownData, covariant=True)


class Malformed(ValueError):
    """These bytes are not an event of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Generic[DataT]):
    """One event: who says so (`source`), about what (`subject`), when, and what led to it (`cause`)."""

    id: str
    source: str
    subject: str
    time: datetime
    data: DataT
    cause: str | None = None
    traceparent: str | None = None

    @property
    def type(self) -> str:
        """The CloudEvents type, e.g. `flyte.action.requested.v1`."""
        return self.data.type if isinstance(self.data, UnknownData) else self.data.TYPE


AnyEvent = Event[EventData | UnknownData]


@with_config(Word.model_config)
class _Head(TypedDict):
    """The attributes of the document beside `data`: a dict, since every reader of every event pays for it."""

    specversion: Literal["1.0"]
    id: Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00-\x1f\x7f]+$")]
    type: str
    source: str
    subject: str
    time: Moment
    datacontenttype: NotRequired[Literal["application/json"]]
    cause: NotRequired[str | None]
    traceparent: NotRequired[str | None]


_head = TypeAdapter(_Head).validator.validate_python


def encode(event: AnyEvent) -> bytes:
    """The event as JSON bytes. Raises TypeError and ValueError for what JSON or its readers cannot take."""
    document: dict[str, object] = {
        "specversion": "1.0",
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "time": event.time.astimezone(UTC),
    }
    if event.cause is not None:
        document["cause"] = event.cause
    if event.traceparent is not None:
        document["traceparent"] = event.traceparent
    if isinstance(event.data, UnknownData):
        document["data"] = event.data.document
    else:
        document["data"] = event.data.model_dump(mode="json")
    raw = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    if _is_too_deep(raw, document):
        raise ValueError(_TOO_DEEP)
    return raw


def decode(raw: bytes) -> AnyEvent:
    """The event in these bytes.

    Raises `Malformed` with one sentence of what is wrong.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Malformed("not a JSON object")
    if _is_too_deep(raw, document):
        raise Malformed(_TOO_DEEP)
    data = document.pop("data", None)
    try:
        head: _Head = _head(document)
        known = _BY_TYPE.get(head["type"])
        body = UnknownData(type=head["type"], document=data) if known is None else known(data)
    except ValidationError as error:
        raise Malformed(one_sentence(error)) from error
    return Event(
        id=head["id"],
        source=head["source"],
        subject=head["subject"],
        time=head["time"],
        data=body,
        cause=head.get("cause"),
        traceparent=head.get("traceparent"),
    )


def _is_too_deep(raw: bytes, document: object) -> bool:
    """Whether it is nested more than `DEEPEST` levels deep; quick for what has too few brackets for that."""
    if len(raw) < 2 * DEEPEST or raw.count(b"[") + raw.count(b"{") <= DEEPEST:
        return False
    level: list[Any] = [document]
    depth = 0
    while level and depth <= DEEPEST:
        inner = (part for one in level for part in (one.values() if isinstance(one, dict) else one))
        level, depth = [part for part in inner if isinstance(part, dict | list)], depth + 1
    return depth > DEEPEST


def one_sentence(error: ValidationError) -> str:
    """The first complaint of pydantic, with its place, in one line."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the document"
    more = error.error_count() - 1
    return f"{place}: {first['msg']}" + (f" (and {more} more)" if more else "")
