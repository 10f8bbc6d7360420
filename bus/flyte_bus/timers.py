"""Timers that the server keeps: one on each subject, which says only that it is time to look again."""

from datetime import datetime

from flyte_bus.ports import EventLog
from flyte_schemas.envelope import Event
from flyte_schemas.events import TimerDue


async def set_timer(log: EventLog, subject: str, at: datetime, *, by: str, now: datetime) -> None:
    """Have a timer go off on this subject at that time; the last one set counts. Raises as `append` does."""
    event = Event(
        id=f"{subject}.{at.isoformat()}", source=f"/{by}", subject=subject, time=now, data=TimerDue(at=at)
    )
    await log.append_at(event, at=at)
