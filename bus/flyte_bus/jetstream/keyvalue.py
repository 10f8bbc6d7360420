"""Buckets of keys on JetStream, in the layout of NATS's own key-value stores."""

from collections.abc import AsyncGenerator

from nats.aio.msg import Msg

from flyte_bus.errors import BusError, Conflict
from flyte_bus.jetstream.connection import Connection, as_object
from flyte_bus.ports import KeyEntry
from flyte_schemas.streams import BucketSpec, StreamSpec

_WRONG_LAST_SEQUENCE = 10071


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
        await self._publish(key, b"", {"KV-Operation": "DEL"})

    async def watch(self, keys: str = ">") -> AsyncGenerator[KeyEntry]:
        """By nats-py's own watcher: an ordered consumer, which few hold, and only services."""
        store = await self._connection.client.jetstream().key_value(self._stream.removeprefix("KV_"))
        watcher = await store.watch(keys)
        try:
            while not self._connection.is_closed:
                try:
                    update = await watcher.updates(timeout=1.0)  # type: ignore[no-untyped-call]
                except TimeoutError:
                    continue
                if update is not None:
                    gone = update.operation in ("DEL", "PURGE") or update.value is None
                    yield KeyEntry(update.key, None if gone else update.value, int(update.revision or 0))
        finally:
            await watcher.stop()  # type: ignore[no-untyped-call]

    async def _last(self, key: str) -> KeyEntry | None:
        answer = await self._connection.request(f"$JS.API.DIRECT.GET.{self._stream}.{self._prefix}{key}", b"")
        if "Nats-Sequence" not in (answer.headers or {}):
            return None
        return self._to_entry(answer)

    def _to_entry(self, message: Msg) -> KeyEntry:
        headers = message.headers or {}
        gone = "KV-Operation" in headers or "Nats-Marker-Reason" in headers
        key = headers["Nats-Subject"].removeprefix(self._prefix)
        return KeyEntry(key, None if gone else message.data, int(headers["Nats-Sequence"]))

    async def _write(self, key: str, value: bytes, ttl_s: int | None, revision: int | None) -> int:
        headers = {} if ttl_s is None else {"Nats-TTL": str(max(1, ttl_s))}
        if revision is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(revision)
        return await self._publish(key, value, headers)

    async def _publish(self, key: str, value: bytes, headers: dict[str, str]) -> int:
        answer = as_object((await self._connection.request(self._prefix + key, value, headers or None)).data)
        error = answer.get("error")
        if error is None:
            return int(answer["seq"])
        if error.get("err_code") == _WRONG_LAST_SEQUENCE:
            raise Conflict(self._prefix + key, int(headers.get("Nats-Expected-Last-Subject-Sequence", "0")))
        raise BusError(f"{self._prefix}{key}: {error.get('description')}")
