"""Where a stream ends now, and where it ended at some time."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson

from flyte_bus.errors import BusError, BusUnavailable
from flyte_bus.jetstream.batch import Batch
from flyte_bus.jetstream.client import number
from flyte_bus.jetstream.codes import STREAM_NOT_FOUND
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.parts import Part, parts_of
from flyte_bus.jetstream.patience import Patience
from flyte_schemas.reading import last_subject
from flyte_schemas.streams import StreamSpec

NO_GUARD = "the guard does not answer, is it running?"
BEHIND_S = 0.1
"""After so long it is asked once more for what nobody found: a member of a cluster may have been behind."""


async def last_sequence(connection: Connection, stream: StreamSpec) -> int:
    """See `EventLog.last_sequence`."""
    return int((await _state(connection, stream))["last_seq"])


async def _state(connection: Connection, stream: StreamSpec) -> dict[str, Any]:
    """The server's words about a stream; one that nobody has made yet is waited for."""
    api = f"$JS.API.STREAM.INFO.{stream.name}"
    subject = last_subject(stream.name) if connection.is_guarded else api
    patience = Patience(connection.settings.patience_s)
    while True:
        try:
            info = await connection.ask_api(subject, {})
        except BusUnavailable as away:
            if not connection.is_guarded or connection.is_closed:
                raise
            raise BusUnavailable(f"{stream.name} could not be read: {NO_GUARD} ({away})") from away
        error = info.get("error")
        if error is None:
            state: dict[str, Any] = info["state"]
            return state
        if error.get("err_code") != STREAM_NOT_FOUND:
            raise BusError(f"{stream.name}: {error.get('description')}")
        if not patience.left_s:
            raise BusUnavailable(f"the NATS server has no stream {stream.name}: no service has made it")
        await patience.pause()


async def sequence_at(connection: Connection, stream: StreamSpec, at: datetime) -> int:
    """See `EventLog.sequence_at`: one question for the first message from that time on."""
    if connection.is_guarded:
        return await _seen_at(connection, stream, at)
    question = orjson.dumps({"start_time": _text_of(at), "batch": 1})
    patience = Patience(connection.settings.patience_s)
    while True:
        answer = await connection.request(f"$JS.API.DIRECT.GET.{stream.name}", question)
        if (first := number(answer.head, b"Nats-Sequence")) is not None:
            return first - 1
        state = await _state(connection, stream)
        if _time_of(state["last_ts"]) < at:
            return int(state["last_seq"])
        if not patience.left_s:
            raise BusUnavailable(f"{stream.name} could not be read")
        await patience.pause()  # a member of the cluster answered that is behind


async def _seen_at(connection: Connection, stream: StreamSpec, at: datetime) -> int:
    """The same for who sees parts of the stream only: what he sees from that time on is beyond it."""
    access = connection.standing.access
    state = await _state(connection, stream)
    found = int(state["last_seq"])
    for subject in stream.subjects:
        for part in parts_of(access, stream, subject):
            first = await _first_from(connection, stream, part, at)
            if first is None and _time_of(state["last_ts"]) >= at:
                await asyncio.sleep(BEHIND_S)
                first = await _first_from(connection, stream, part, at)
            found = found if first is None else min(found, first - 1)
    return found


async def _first_from(connection: Connection, stream: StreamSpec, part: Part, at: datetime) -> int | None:
    """The sequence of a part's first message from a time on."""
    question = {"start_time": _text_of(at), "batch": 1, "next_by_subj": part.wanted}
    patience = Patience(connection.settings.patience_s)
    while True:
        batch = Batch(connection, stream, part.at, question, part.wanted)
        if await batch.get():
            return batch.last or None
        if not patience.left_s or connection.is_closed:
            raise BusUnavailable(f"{stream.name} could not be read")
        await patience.pause()


def _text_of(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _time_of(text: str) -> datetime:
    """A time as the server writes it, with up to nine digits of a second, of which six are read."""
    whole, _, rest = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{rest[:6]:0<6}+00:00")
