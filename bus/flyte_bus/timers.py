"""Timers that the server keeps: one on each subject, which says only that it is time to look again."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from flyte_bus.ports import Bus, EventLog
from flyte_bus.service import set_aside
from flyte_schemas.envelope import Event, Malformed
from flyte_schemas.events import TimerDue
from flyte_schemas.streams import TIMERS

KeyT = TypeVar("KeyT")


async def set_timer(log: EventLog, subject: str, at: datetime, *, by: str, now: datetime) -> None:
    """Have a timer go off on this subject at that time; the last one set counts. Raises as `append` does."""
    event = Event(
        id=f"{subject}.{at.isoformat()}", source=f"/{by}", subject=subject, time=now, data=TimerDue(at=at)
    )
    await log.append_at(event, at=at)


async def hear_timers(
    bus: Bus,
    subject: str,
    parse: Callable[[str], KeyT | None],
    hear: Callable[[KeyT, datetime], None],
    *,
    by: str,
    now: Callable[[], datetime],
    ack_wait_s: float = 30.0,
) -> None:
    """Tell `hear` of each timer that goes off on these subjects, and for when it was set, for ever.

    A timer is settled once it was heard of: what follows may take its turn, and is looked for after a crash.
    """
    async with bus.inbox(TIMERS, by, [subject], ack_wait_s=ack_wait_s) as inbox:
        async for delivery in inbox:
            key, content = parse(delivery.entry.subject), delivery.entry.content
            if key is None or isinstance(content, Malformed) or not isinstance(content.data, TimerDue):
                reason = f"{delivery.entry.subject} is no timer that went off"
                await set_aside(bus, delivery, reason, by=by, now=now())
                continue
            hear(key, content.data.at)
            await delivery.ack()
