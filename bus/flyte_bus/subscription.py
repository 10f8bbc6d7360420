"""Subscriptions: what happens to tasks and runs, as one stream that can be gone on with from any place.

Two streams of the log are one here. Each event bears a `cursor`: who was given it has been given all before
it, so that a subscriber who keeps the last cursor (with what it made of the event) misses nothing when it
begins again there. What was given and not kept comes again, with the same id.
"""

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from flyte_bus.errors import BusUnavailable
from flyte_bus.known_actions import KnownActions, Phases
from flyte_bus.merging import as_they_come, by_time
from flyte_bus.ports import Entry, EventLog
from flyte_schemas.channels import types_on
from flyte_schemas.cursor import Cursor
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.events import EventData
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from flyte_schemas.streams import RUNS, TASKS, StreamSpec
from flyte_schemas.subjects import RunKey, parse_action, parse_task, run_filter
from flyte_schemas.vocabulary import UnknownData

FIRST_WINDOW = 1_000
WINDOW_GROWS = 8
"""How far back the last events are looked for first, and how much further each time."""

_TASK_TYPES = frozenset(data.TYPE for data in types_on(TASKS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """Which events are wanted: those that meet all that is said. `*` is every project or domain.

    `types` are full names; `phases` those in which an event leaves its action. Empty ones ask for nothing.
    """

    project: str = "*"
    domain: str = "*"
    run: str | None = None
    types: frozenset[str] = frozenset()
    phases: frozenset[ActionPhase] = frozenset()

    def subject(self, stream: StreamSpec) -> str | None:
        """What to read of a stream; None when nothing of it can be wanted."""
        if stream is TASKS:
            if self.run is not None or self.phases or (self.types and not self.types & _TASK_TYPES):
                return None
            return f"flyte.task.{self.project}.{self.domain}.>" if self._is_narrow else TASKS.subjects[0]
        if self.types and self.types <= _TASK_TYPES:
            return None
        if self.run is not None:
            return run_filter(RunKey(self.project, self.domain, self.run))
        return f"flyte.run.{self.project}.{self.domain}.>" if self._is_narrow else RUNS.subjects[0]

    @property
    def is_possible(self) -> bool:
        """Whether anything can be wanted: tasks have no phase, and are of no run."""
        return self.subject(RUNS) is not None or self.subject(TASKS) is not None

    @property
    def _is_narrow(self) -> bool:
        return (self.project, self.domain) != ("*", "*")

    def admits(self, told: "StreamEvent") -> bool:
        """Whether an event is wanted, of what was read."""
        return (not self.types or told.type in self.types) and (not self.phases or told.phase in self.phases)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """One event of the stream.

    `sequence` is its place in `stream`; `cursor` the place in the whole, to go on after it. `phase` is where
    it leaves its action, and `entered` whether it brought it there; `task` is the full name of the action's
    task (of a traced step its function's). An event of a deployed task has no `run`, `action` and `phase`.
    """

    stream: str
    sequence: int
    cursor: str
    event: AnyEvent
    raw: bytes
    project: str
    domain: str
    run: str | None = None
    action: str | None = None
    task: str | None = None
    phase: ActionPhase | None = None
    entered: bool = False

    @property
    def id(self) -> str:
        """The same, however often the event comes."""
        return self.event.id

    @property
    def type(self) -> str:
        """The CloudEvents type, e.g. `flyte.action.failed.v1`."""
        return self.event.type

    @property
    def time(self) -> datetime:
        """When it happened, as who wrote it says."""
        return self.event.time

    @property
    def subject(self) -> str:
        return self.event.subject

    @property
    def data(self) -> EventData | UnknownData:
        """What happened; `UnknownData` for a type that is newer than this version."""
        return self.event.data


class Subscription:
    """One reading of the log: `past` what is there, then `coming` what comes; `cursor` is how far it is.

    With a run in the interest, that run is read from its beginning (and told from the cursor on), and what is
    coming ends with it.
    """

    def __init__(
        self,
        log: EventLog,
        interest: Interest,
        after: Cursor,
        *,
        streams: Sequence[StreamSpec] = (RUNS, TASKS),
    ) -> None:
        self._log = log
        self._interest = interest
        self._told = after
        self._reached = {RUNS.name: 0 if interest.run else after.runs, TASKS.name: after.tasks or 0}
        subjects = ((stream, interest.subject(stream)) for stream in streams)
        self._read = [(stream, subject) for stream, subject in subjects if subject is not None]
        self._run = RunFold() if interest.run else None
        self._known = KnownActions(log)

    @property
    def cursor(self) -> Cursor:
        """After all that was read."""
        return Cursor(max(self._told.runs, self._reached[RUNS.name]), self._reached[TASKS.name])

    @property
    def is_over(self) -> bool:
        """Whether the run that was asked for has ended, with all its actions."""
        return self._run is not None and self._run.is_settled

    @property
    def missing_run(self) -> RunKey | None:
        """The run that was asked for, when the log has nothing of it."""
        interest = self._interest
        if self._run is None or self._run.actions or interest.run is None:
            return None
        return RunKey(interest.project, interest.domain, interest.run)

    async def past(self) -> AsyncGenerator[StreamEvent]:
        """What is in the log now, of both streams in the order of time."""
        reads = [
            self._log.read(stream, subject, after=self._reached[stream.name])
            for stream, subject in self._read
        ]
        async with aclosing(by_time(reads)) as entries:
            async for entry in entries:
                if (told := await self._take(entry)) is not None:
                    yield told

    async def coming(self) -> AsyncGenerator[StreamEvent]:
        """What is in the log beyond that, and then what comes; for ever, or until the run is over.

        Raises BusUnavailable when the connection is closed meanwhile.
        """
        if self.is_over:
            return
        follows = [
            self._log.follow_in_order(stream, subject, after=self._reached[stream.name])
            for stream, subject in self._read
        ]
        async with aclosing(as_they_come(follows)) as entries:
            async for entry in entries:
                if (told := await self._take(entry)) is not None:
                    yield told
                if self.is_over:
                    return
        raise BusUnavailable("the connection was closed")

    async def _take(self, entry: Entry) -> StreamEvent | None:
        """The event, folded; None when nobody can read it or it is not wanted."""
        self._reached[entry.stream] = max(self._reached[entry.stream], entry.sequence)
        if entry.stream == TASKS.name:
            told = self._of_task(entry)
        else:
            told = await self._of_action(entry)
        return told if told is not None and self._interest.admits(told) else None

    def _of_task(self, entry: Entry) -> StreamEvent | None:
        place = parse_task(entry.subject)
        if place is None or isinstance(entry.content, Malformed):
            return None
        project, domain, task = place
        return StreamEvent(
            stream=entry.stream,
            sequence=entry.sequence,
            cursor=str(self.cursor),
            event=entry.content,
            raw=entry.raw,
            project=project,
            domain=domain,
            task=task,
        )

    async def _of_action(self, entry: Entry) -> StreamEvent | None:
        key = parse_action(entry.subject)
        if key is None or isinstance(entry.content, Malformed):
            return None
        if self._run is not None:
            before = self._run.get(key.action).phase
            state = self._run.apply(key.action, entry.content, entry.sequence)
            phases = Phases(before, state.phase, state.task_name)
        else:
            phases = await self._known.apply(key, entry.content, entry.sequence)
        if entry.sequence <= self._told.runs:
            return None
        return StreamEvent(
            stream=entry.stream,
            sequence=entry.sequence,
            cursor=str(self.cursor),
            event=entry.content,
            raw=entry.raw,
            project=key.run.project,
            domain=key.run.domain,
            run=key.run.run,
            action=key.action,
            task=phases.task,
            phase=phases.after,
            entered=phases.after is not phases.before,
        )


async def cursor_at(log: EventLog, at: datetime) -> Cursor:
    """Before all that came from this time on."""
    return Cursor(await log.sequence_at(RUNS, at), await log.sequence_at(TASKS, at))


async def end_of(log: EventLog) -> Cursor:
    """After all that there is."""
    return Cursor(await log.last_sequence(RUNS), await log.last_sequence(TASKS))


async def whole(log: EventLog, cursor: Cursor) -> Cursor:
    """A cursor that says it of both streams. Raises ValueError for one beyond the end of the log."""
    end = await end_of(log)
    if cursor.runs > end.runs or (cursor.tasks or 0) > (end.tasks or 0):
        raise ValueError(f"the cursor {cursor} lies beyond the end of the log, {end}: it is of another log")
    if cursor.tasks is not None:
        return cursor
    async with aclosing(log.read(RUNS, RUNS.subjects[0], after=cursor.runs - 1)) as entries:
        async for entry in entries:
            if not isinstance(entry.content, Malformed):
                return Cursor(cursor.runs, await log.sequence_at(TASKS, entry.content.time))
    return Cursor(cursor.runs, end.tasks)


async def before_the_last(log: EventLog, interest: Interest, count: int) -> Cursor:
    """Before the last `count` events that are wanted of those that the log has."""
    end = await end_of(log)
    found: list[tuple[datetime, str, int]] = []
    for stream, upto in ((RUNS, end.runs), (TASKS, end.tasks or 0)):
        if interest.subject(stream) is not None:
            found += await _last_of(log, interest, stream, count, upto)
    found = sorted(found)[-count:]
    firsts = {
        stream.name: min((sequence for _, name, sequence in found if name == stream.name), default=None)
        for stream in (RUNS, TASKS)
    }
    runs, tasks = firsts[RUNS.name], firsts[TASKS.name]
    return Cursor(end.runs if runs is None else runs - 1, end.tasks if tasks is None else tasks - 1)


async def _last_of(
    log: EventLog, interest: Interest, stream: StreamSpec, count: int, upto: int
) -> list[tuple[datetime, str, int]]:
    """Time and place of the last events of one stream: it is read from further and further back."""
    window = max(FIRST_WINDOW, WINDOW_GROWS * count)
    while True:
        after = 0 if interest.run else max(0, upto - window)
        reading = Subscription(log, interest, Cursor(after, after), streams=(stream,))
        kept: deque[tuple[datetime, str, int]] = deque(maxlen=count)
        async with aclosing(reading.past()) as events:
            async for told in events:
                kept.append((told.time, told.stream, told.sequence))
        if len(kept) == count or not after:
            return list(kept)
        window *= WINDOW_GROWS
