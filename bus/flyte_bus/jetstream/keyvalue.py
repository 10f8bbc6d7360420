"""Buckets of keys on JetStream, in the layout of NATS's own key-value stores."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import uuid4

import nats.errors
from nats.js.errors import BucketNotFoundError
from nats.js.kv import KeyValue as NatsKeyValue

from flyte_bus.errors import BusError, Conflict
from flyte_bus.jetstream.client import Answer
from flyte_bus.jetstream.codes import WRONG_LAST_SEQUENCE
from flyte_bus.jetstream.connection import Connection
from flyte_bus.ports import KeyEntry
from flyte_schemas.streams import BucketSpec, StreamSpec

MARKER_AGE_S = 60
"""How long the marker of a key that expired or was deleted stays readable."""
WATCH_AGAIN_S = 0.1
"""The pause before a watch that broke begins again."""


def stream_of(bucket: BucketSpec) -> StreamSpec:
    """The stream behind a bucket."""
    return StreamSpec(
        name=f"KV_{bucket.name}",
        subjects=(f"$KV.{bucket.name}.>",),
        description=bucket.description,
        dedupe_window_s=10,
    )


class JetStreamKeyValue:
    """The port `KeyValue`."""

    def __init__(self, connection: Connection, spec: BucketSpec) -> None:
        self._connection = connection
        self._stream = stream_of(spec).name
        self._prefix = f"$KV.{spec.name}."

    async def get(self, key: str) -> KeyEntry | None:
        entry = await self._last(key)
        return entry if entry is not None and entry.value is not None else None

    async def put(self, key: str, value: bytes, *, ttl_s: int | None = None) -> int:
        return await self._write(key, value, ttl_s, None)

    async def create(self, key: str, value: bytes, *, ttl_s: int | None = None) -> int:
        last = await self._last(key)
        if last is not None and last.value is not None:
            raise Conflict(self._prefix + key, 0)
        return await self._write(key, value, ttl_s, 0 if last is None else last.revision)

    async def update(self, key: str, value: bytes, *, revision: int, ttl_s: int | None = None) -> int:
        return await self._write(key, value, ttl_s, revision)

    async def delete(self, key: str) -> None:
        await self._publish(key, b"", {"KV-Operation": "DEL", "Nats-TTL": str(MARKER_AGE_S)})

    async def watch(self, keys: str = ">") -> AsyncGenerator[KeyEntry]:
        """By nats-py's own watcher: an ordered consumer, which few hold, and only services.

        That one notices a lost connection late, so we begin again at once when it is back, and tell what
        has gone meanwhile from what is no longer there.
        """
        there: dict[str, int] = {}
        while not self._connection.is_closed:
            returned = asyncio.Event()
            forget = self._connection.on_return(returned.set)
            try:
                async with aclosing(self._watch_once(keys, there, returned)) as entries:
                    async for entry in entries:
                        yield entry
            except BucketNotFoundError as error:
                raise BusError(f"there is no bucket {self._stream}: provision the bus first") from error
            except (nats.errors.Error, ConnectionError):
                await asyncio.sleep(WATCH_AGAIN_S)
            finally:
                forget()

    async def _watch_once(
        self, keys: str, there: dict[str, int], returned: asyncio.Event
    ) -> AsyncGenerator[KeyEntry]:
        """What has changed since `there` (revisions by key, kept up to date), until `returned` is set."""
        store = await self._connection.client.jetstream().key_value(self._stream.removeprefix("KV_"))
        watcher = await store.watch(keys)
        ended = asyncio.create_task(returned.wait())
        unseen = set(there)
        try:
            while updates := await _next(watcher, ended):
                (update,) = updates
                if update is None:  # the end of what was there before
                    for key in unseen:
                        yield KeyEntry(key, None, there.pop(key))
                    unseen.clear()
                    continue
                entry = _entry_of(update)
                unseen.discard(entry.key)
                if _remember(there, entry):
                    yield entry
        finally:
            ended.cancel()
            try:
                await watcher.stop()  # type: ignore[no-untyped-call]
            except nats.errors.Error:
                pass  # the connection is gone, and the watcher with it

    async def _last(self, key: str) -> KeyEntry | None:
        answer = await self._connection.last_message(self._stream, self._prefix + key)
        return None if answer is None else self._to_entry(answer)

    def _to_entry(self, message: Answer) -> KeyEntry:
        headers = message.headers
        gone = "KV-Operation" in headers or "Nats-Marker-Reason" in headers
        key = headers["Nats-Subject"].removeprefix(self._prefix)
        return KeyEntry(key, None if gone else message.data, int(headers["Nats-Sequence"]))

    async def _write(self, key: str, value: bytes, ttl_s: int | None, revision: int | None) -> int:
        headers = {} if ttl_s is None else {"Nats-TTL": str(max(1, ttl_s))}
        if revision is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(revision)
        return await self._publish(key, value, headers)

    async def _publish(self, key: str, value: bytes, headers: dict[str, str]) -> int:
        subject, expected = self._prefix + key, headers.get("Nats-Expected-Last-Subject-Sequence")
        headers = headers | {"Nats-Msg-Id": uuid4().hex}
        answer = await self._connection.write(subject, value, headers)
        error = answer.get("error")
        if error is None:
            return int(answer["seq"])
        if error.get("err_code") != WRONG_LAST_SEQUENCE:
            raise BusError(f"{subject}: {error.get('description')}")
        # A write that is sent again because its acknowledgement was lost meets its own first copy.
        last = await self._connection.last_message(self._stream, subject)
        if last is not None and last.headers.get("Nats-Msg-Id") == headers["Nats-Msg-Id"]:
            return int(last.headers["Nats-Sequence"])
        raise Conflict(subject, int(expected or 0))


async def _next(
    watcher: NatsKeyValue.KeyWatcher, ended: asyncio.Task[bool]
) -> list[NatsKeyValue.Entry | None]:
    """The watcher's next update; nothing when `ended` is done first."""
    update = asyncio.create_task(
        watcher.updates(timeout=None)  # type: ignore[no-untyped-call]
    )
    try:
        await asyncio.wait({update, ended}, return_when=asyncio.FIRST_COMPLETED)
        return [update.result()] if update.done() else []
    finally:
        update.cancel()


def _entry_of(update: NatsKeyValue.Entry) -> KeyEntry:
    """nats-py's entry as ours."""
    gone = update.operation is not None or update.value is None
    return KeyEntry(update.key, None if gone else update.value, int(update.revision or 0))


def _remember(there: dict[str, int], entry: KeyEntry) -> bool:
    """Take note of an entry; whether it says anything new."""
    if entry.value is None:
        return there.pop(entry.key, None) is not None
    is_new = entry.revision > there.get(entry.key, 0)
    there[entry.key] = entry.revision
    return is_new
