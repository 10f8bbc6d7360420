"""Wake-ups: timers that the server keeps, set for when time alone may change what is due for an action.

A timer that goes off says only "look again"; what then follows is decided from the log. So one that is lost,
late or doubled does no harm, and after a restart everything is looked at anyway.
"""

from collections.abc import Callable
from datetime import datetime

import structlog

from flyte_bus.ports import Bus
from flyte_bus.timers import hear_timers, set_timer
from flyte_executor.clock import Now
from flyte_executor.settings import SERVICE
from flyte_schemas.subjects import TIMERS_DUE, ActionKey, parse_timer, timer_subject

log = structlog.get_logger()


class Alarms:
    """The timers of actions.

    `look` is called with each action whose timer went off, and says whether it is alive.
    """

    def __init__(self, bus: Bus, look: Callable[[ActionKey], bool], now: Now) -> None:
        self._bus = bus
        self._look = look
        self._now = now
        self._set: dict[ActionKey, datetime] = {}
        self._heard: dict[ActionKey, datetime] = {}
        self._due = bus.meter.counter("flyte_executor_timers_due_total", "Timers that went off.").child()

    @property
    def pending(self) -> int:
        """How many timers are set and have not gone off."""
        return len(self._set)

    def now(self, key: ActionKey) -> datetime:
        """The time for decisions about this action: not before what the server's clock said of it."""
        heard = self._heard.get(key)
        return self._now() if heard is None else max(self._now(), heard)

    async def wake(self, key: ActionKey, at: datetime) -> None:
        """Have the action looked at again at that time. Raises the bus's errors."""
        if self._set.get(key) == at:
            return
        await set_timer(self._bus.log, timer_subject(key), at, by=SERVICE, now=self._now())
        self._set[key] = at

    def forget(self, key: ActionKey) -> None:
        """The action has ended; a timer that goes off for it finds nothing to do."""
        self._set.pop(key, None)
        self._heard.pop(key, None)

    async def run(self) -> None:
        """Hear timers for ever."""
        await hear_timers(self._bus, TIMERS_DUE, parse_timer, self._hear, by=SERVICE, now=self._now)

    def _hear(self, key: ActionKey, at: datetime) -> None:
        self._due.value += 1
        if self._set.get(key) == at:
            del self._set[key]
        self._heard[key] = max(at, self._heard.get(key, at))
        if not self._look(key):
            self.forget(key)
