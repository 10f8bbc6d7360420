"""What browsers follow: messages of Server-Sent Events, whose id is a sequence of the log.

A reader has no queue. It holds a position, and takes what has changed since whenever its connection has
room: one that is slow gets larger steps, and costs nobody anything. One that comes back with the last id that
it had goes on there, by the same way.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import orjson

from flyte_console.settings import ConsoleSettings
from flyte_console.views import RunView, rang


@dataclass(frozen=True, slots=True)
class Sent:
    """One message of a stream. Without `id` it is no place to go on from; without `event`, a heartbeat."""

    event: str = ""
    data: bytes = b""
    id: int | None = None

    def encoded(self) -> bytes:
        """As it goes over the wire."""
        if not self.event:
            return b": alive\n\n"
        number = b"" if self.id is None else b"id: %d\n" % self.id
        return number + b"event: " + self.event.encode() + b"\ndata: " + self.data + b"\n\n"


async def action_messages(view: RunView, after: int, settings: ConsoleSettings) -> AsyncGenerator[Sent]:
    """The rows of a run that changed after a position, and then those that change, until it has settled."""
    tick = view.rows.tick_of(after)
    with view.listening() as bell:
        while True:
            is_settled = view.is_settled
            rows = view.rows.changed_after(tick, settings.max_rows)
            if rows:
                tick, as_of = rows[-1].tick, rows[-1].stamp // 2
                data = orjson.dumps({"rows": [row.values() for row in rows], "as_of": as_of})
                yield Sent("actions", data, as_of)
            elif is_settled:
                yield Sent("end", orjson.dumps({"as_of": view.rows.as_of}), view.rows.as_of)
                return
            elif not await rang(bell, settings.heartbeat_s):
                yield Sent()
            if len(rows) < settings.max_rows and not is_settled:
                await asyncio.sleep(settings.bunch_s)
