"""Fires triggers: looks at them when their time has come, and asks for the run of each instant.

Which instants were fired is asked of the log and not remembered: the run of an instant has a name that
follows from it, and its request expects that nobody has asked. So any number of schedulers may look, late or
twice. The server's timers say when to look; what they miss, a patrol finds. Projects take turns at looks: who
has many triggers makes his own late.
"""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from datetime import datetime, timedelta

import structlog

from flyte_bus.errors import BusError, Conflict, TooLarge
from flyte_bus.history import last_request
from flyte_bus.ports import Bus
from flyte_bus.timers import hear_timers, set_timer
from flyte_bus.triggers import NONE_YET, folded
from flyte_bus.turns import Ticket, Turns
from flyte_scheduler.core.firing import run_of, start_of
from flyte_scheduler.measures import Measures
from flyte_scheduler.settings import SERVICE, Now, SchedulerSettings
from flyte_schemas import schedules
from flyte_schemas.envelope import Event
from flyte_schemas.limits import Place
from flyte_schemas.streams import RUNS, TRIGGERS
from flyte_schemas.subjects import (
    ROOT_ACTION,
    TRIGGERS_DUE,
    RunKey,
    TriggerKey,
    action_subject,
    parse_task,
    parse_trigger_timer,
    run_request,
    trigger_timer_subject,
)
from flyte_schemas.trigger_state import TaskTriggers, TriggerState

log = structlog.get_logger()


class Firing:
    """The triggers, folded; `position` is the sequence of TRIGGERS up to which they were read."""

    def __init__(self, bus: Bus, settings: SchedulerSettings, now: Now) -> None:
        self._bus = bus
        self._settings = settings
        self._now = now
        self._tasks: dict[tuple[str, str, str], TaskTriggers] = {}
        """By project, domain and name."""
        self._done: dict[TriggerKey, tuple[TriggerState, datetime]] = {}
        """Up to when a trigger was looked at, as it was then."""
        self._next: dict[TriggerKey, datetime] = {}
        self._wanted: dict[TriggerKey, datetime] = {}
        """Up to when the triggers that wait are to be looked at, at least."""
        self._turns: Turns[TriggerKey] = Turns(lambda _: None)
        self._waiting = asyncio.Semaphore(0)
        self._looked_at: set[TriggerKey] = set()
        self._moved = asyncio.Event()
        self.position = 0
        self._measures = Measures(bus.meter)
        self._measures.show(self._active, self._overdue)

    def _active(self) -> int:
        return sum(one.is_active for task in self._tasks.values() for one in task.triggers.values())

    def _overdue(self) -> int:
        """How many triggers neither a timer nor two patrols brought to a look."""
        limit = self._now() - timedelta(seconds=2 * self._settings.patrol_s)
        return sum(instant < limit for instant in self._next.values())

    def triggers_of(self, project: str, domain: str, task: str) -> TaskTriggers:
        """A task's triggers as far as they were read."""
        return self._tasks.get((project, domain, task), NONE_YET)

    # -- when to look --------------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Fold what is said of triggers, for ever; each that changes is looked at."""
        async with aclosing(self._bus.log.follow(TRIGGERS, "flyte.trigger.>")) as entries:
            async for entry in entries:
                if (place := parse_task(entry.subject)) is not None:
                    before = self.triggers_of(*place)
                    after = self._tasks[place] = folded(before, entry)
                    for name in before.triggers.keys() | after.triggers.keys():
                        if before.triggers.get(name) is after.triggers.get(name):
                            continue  # what was said was of another
                        self._want(TriggerKey(*place, name), self._now())
                self.position = max(self.position, entry.sequence)
                self._moved.set()

    async def has_read(self, end: int, patience_s: float) -> bool:
        """Whether what stands up to `end` was read, within so many seconds."""
        try:
            async with asyncio.timeout(patience_s):
                while self.position < end:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    async def hear_timers(self) -> None:
        """Have the triggers looked at whose timers go off, for ever.

        A timer is settled at once, so that those of one project do not stand before those of others: if we
        die, the look is that of our next life, or of another scheduler's patrol.
        """
        await hear_timers(
            self._bus,
            TRIGGERS_DUE,
            parse_trigger_timer,
            self._want,
            by=SERVICE,
            now=self._now,
            ack_wait_s=self._settings.ack_wait_s,
        )

    async def patrol(self) -> None:
        """Look for instants that no timer told of, for ever."""
        while True:
            await asyncio.sleep(self._settings.patrol_s)
            now = self._now()
            for key, instant in self._next.items():
                if instant <= now:
                    self._want(key, now)

    async def look_by_turns(self) -> None:
        """Look at triggers that changed or are due, one after the other, for ever."""
        while True:
            await self._waiting.acquire()
            key = self._turns.next(0.0)
            assert key is not None  # nobody else has taken it: each acquires before
            at = self._wanted.pop(key)
            self._looked_at.add(key)
            await self.look(key, max(self._now(), at))
            self._looked_at.discard(key)
            if key in self._wanted:
                self._wait(key)

    def _want(self, key: TriggerKey, at: datetime) -> None:
        """Have a trigger looked at; once, however often that is said before its turn."""
        known = self._wanted.get(key)
        self._wanted[key] = at if known is None else max(known, at)
        if known is None and key not in self._looked_at:
            self._wait(key)

    def _wait(self, key: TriggerKey) -> None:
        self._turns.put(Ticket(Place(key.project, key.domain), key.task, key, is_free=True))
        self._waiting.release()

    # -- a look --------------------------------------------------------------------------------------------

    async def look(self, key: TriggerKey, now: datetime) -> None:
        """Ask for the runs that are due at that time, and have the server wake us for the next."""
        try:
            await self._look(key, now)
        except BusError:
            raise
        except Exception as error:  # of this trigger: the others are to fire
            log.error("scheduler.look.broken", trigger=str(key), exc_info=error)

    async def _look(self, key: TriggerKey, now: datetime) -> None:
        state = self.triggers_of(key.project, key.domain, key.task).triggers.get(key.name)
        if state is None or not state.is_active:
            self._next.pop(key, None)
            return
        done, automation = self._up_to(key, state), state.trigger.automation
        instants = schedules.due(automation, state.since, now, done)
        if done is not None and instants:
            await self._count_missed(key, schedules.passed_over(automation, state.since, done, instants[0]))
        for instant in instants:
            await self._start(key, state, instant)
        self._done[key] = (state, now)
        following = state.next_instant(now)
        if following is None:
            self._next.pop(key, None)
            return
        self._next[key] = following
        await self._wake(key, following)

    def _up_to(self, key: TriggerKey, state: TriggerState) -> datetime | None:
        """Up to when the trigger was looked at with the schedule that it has."""
        known, done = self._done.get(key, (None, None))
        return done if known is not None and known.since == state.since else None

    async def _count_missed(self, key: TriggerKey, instants: Iterable[datetime]) -> None:
        """Of instants that are too long past, or too many, count those that no other scheduler has fired."""
        for run in (run_of(key, instant) for instant in instants):
            if not await self._is_asked_for(run):
                self._measures.missed.add()
                log.error("scheduler.instant.missed", trigger=str(key), run=run.run)

    async def _is_asked_for(self, run: RunKey) -> bool:
        return (
            await self._bus.log.last(RUNS, action_subject(run.action(ROOT_ACTION))) is not None
            or await last_request(self._bus.log, run) is not None
        )

    async def _start(self, key: TriggerKey, state: TriggerState, instant: datetime) -> None:
        run = run_of(key, instant)
        if await self._is_asked_for(run):
            return
        event = Event(
            id=f"trigger.{run}",
            source=f"/{SERVICE}",
            subject=run_request(run, SERVICE),
            time=self._now(),
            data=start_of(key, state, instant),
            cause=state.declared_by,
        )
        try:
            await self._bus.log.append(event, expected=0)
        except Conflict:
            return
        except TooLarge as error:
            self._measures.refused.add()
            log.error("scheduler.run.too_large", trigger=str(key), run=run.run, reason=str(error))
            return
        self._measures.fired.add()
        self._measures.lateness.add(max(0.0, (self._now() - instant).total_seconds()))
        log.info("scheduler.trigger.fired", trigger=str(key), run=run.run, instant=instant.isoformat())

    async def _wake(self, key: TriggerKey, at: datetime) -> None:
        await set_timer(self._bus.log, trigger_timer_subject(key), at, by=SERVICE, now=self._now())
