"""Counts what tasks print: the server tells the sizes of the messages, and nobody reads them for that.

Executors share one consumer, so each counts a part; they add their parts up in one record in a bucket, which
all of them follow. A message is acknowledged when it stands there, so at most the part of a second is counted
twice after a crash, and none is left out.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import orjson
import structlog

from flyte_bus.errors import Conflict
from flyte_bus.ports import Bus, Delivery
from flyte_executor.core.usage import Use, record, take
from flyte_executor.executor import Executor
from flyte_schemas.streams import LOGS, SETTINGS_BUCKET
from flyte_schemas.subjects import RunKey, parse_action

log = structlog.get_logger()

DURABLE = "executor-printed"
PRINTED_KEY = "executor.printed"
ADD_S = 0.5
"""How often what was printed is added up."""
AHEAD = 4_096


class Printed:
    """Adds up what is printed, and has the executor look at the runs that may have printed too much."""

    def __init__(self, bus: Bus, executor: Executor) -> None:
        self._bus = bus
        self._bucket = bus.bucket(SETTINGS_BUCKET)
        self._executor = executor
        self._usage = executor.allowance.usage
        self._counted: Counter[RunKey] = Counter()
        self._pending: list[Delivery] = []
        self._some = asyncio.Event()

    async def run(self) -> None:
        """Count for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear())
            group.create_task(self._add())
            group.create_task(self._follow())

    async def _hear(self) -> None:
        inbox_of_all = self._bus.inbox(LOGS, DURABLE, LOGS.subjects, max_in_flight=AHEAD, sizes_only=True)
        async with inbox_of_all as inbox:
            async for delivery in inbox:
                key = parse_action(delivery.entry.subject)
                if key is not None:
                    self._counted[key.run] += delivery.size_bytes
                self._pending.append(delivery)
                self._some.set()

    async def _add(self) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(ADD_S)
            self._some.clear()
            counted, self._counted = self._counted, Counter()
            pending, self._pending = self._pending, []
            await self._write(counted)
            for delivery in pending:
                await delivery.ack()

    async def _write(self, counted: "Counter[RunKey]") -> None:
        """Add to what all executors have counted today."""
        while True:
            entry = await self._bucket.get(PRINTED_KEY)
            use, day = Use("log"), self._executor.allowance.today()
            if entry is not None and entry.value is not None and (known := self._read(entry.value)):
                if take(known, use) < day:
                    use.today.clear()
                else:
                    day = str(known["day"])
            use.keep(self._executor.holds)
            for run, size in counted.items():
                use.add(run, size)
            value = orjson.dumps(record(day, use))
            try:
                if entry is None or entry.value is None:
                    await self._bucket.create(PRINTED_KEY, value)
                else:
                    await self._bucket.update(PRINTED_KEY, value, revision=entry.revision)
                return
            except Conflict:
                continue

    async def _follow(self) -> None:
        """Take over what all executors have counted, whenever it is more."""
        watched: AsyncIterator[Any] = self._bucket.watch(PRINTED_KEY)
        async for entry in watched:
            known = None if entry.value is None else self._read(entry.value)
            if known is None:
                continue
            day = take(known, self._usage.logs)
            if day < self._executor.allowance.today():
                self._usage.logs.today.clear()
            for run in tuple(self._usage.logs.of_run):
                self._executor.look_at(run)

    def _read(self, value: bytes) -> dict[str, Any] | None:
        """A record that can be read."""
        try:
            known: dict[str, Any] = orjson.loads(value)
            take(known, Use("log"))
        except (ValueError, KeyError, TypeError) as error:
            log.warning("executor.printed.unreadable", error=str(error))
            return None
        return known
