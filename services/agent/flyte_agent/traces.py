"""The steps of the running attempt: recorded in the log one by one, and read there when it is tried again.

The first attempt only writes. A later one reads the run once, when its code first asks, and answers from
memory. Under each name the first word stands: an attempt that is slower, or that others take for dead, is
told what that was.

An attempt of a run that recovers another reads that one too, and records what it takes over from there: so it
stands in the log of this run, for later attempts and for whoever recovers this run. What had failed there
runs again. A large value is taken over when it is asked for, and only if the store has it still.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import structlog

from flyte._runtime.messages import Kept, Recall, Record, Remembered
from flyte._runtime.offload import Store, offload, restore
from flyte._runtime.transfer import ArtifactError, ArtifactRefused
from flyte_agent.endings import not_prepared
from flyte_agent.recovered import Source
from flyte_agent.reports import Reports
from flyte_bus.errors import BusError, Conflict
from flyte_bus.ports import Entry, EventLog
from flyte_schemas.envelope import Malformed
from flyte_schemas.events import TraceFailed, TraceSucceeded
from flyte_schemas.failure_codes import ARTIFACT_NOT_FOUND
from flyte_schemas.literals import ReferencedLiteral
from flyte_schemas.orders import Order
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ActionKey, action_subject, parse_action, run_filter

log = structlog.get_logger()

LOOK_AGAIN_S = 0.05
"""Between two looks at a replica of the stream that lags behind."""
LOOKS = 100
"""How often a word is looked for that the stream has refused another for."""

AT_A_TIME = 500
"""How many steps are told in one word."""
SMALL_BYTES = 8_000
"""Of the word of a step in the log; what is larger, or lies beside the log, is told when it is asked for."""

Trace = TraceSucceeded | TraceFailed
Answer = Callable[[Kept | Remembered], Awaitable[None]]
OnBroken = Callable[[BaseException], None]


class Traces:
    """Serves what the runner says of its steps. `since` is the sequence of its action's own first event."""

    def __init__(
        self,
        bus_log: EventLog,
        order: Order,
        reports: Reports,
        store: Store,
        *,
        since: int,
        answer: Answer,
        on_broken: OnBroken,
        source: Source | None = None,
    ) -> None:
        self._log = bus_log
        self._order = order
        self._reports = reports
        self._store = store
        self._since = since
        self._answer = answer
        self._on_broken = on_broken
        self._source = source
        self._known: dict[str, Trace] = {}
        self._offered: dict[str, TraceSucceeded] = {}
        """Large ones of the source's, by name, as they would be recorded here."""
        self._large: set[str] = set()
        self._reading: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, message: Recall | Record) -> None:
        """Serve one word, in the background: steps that are taken side by side are recorded so."""
        task = asyncio.create_task(self._serve(message))
        self._tasks.add(task)
        task.add_done_callback(self._served)

    async def close(self) -> None:
        """Give up what is not answered: nobody waits for it any more."""
        tasks = [*self._tasks, *([self._reading] if self._reading else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, message: Recall | Record) -> None:
        try:
            match message:
                case Record():
                    answer: Kept | Remembered = Kept(call=message.call, trace=await self._record(message))
                case Recall(step=str(step)):
                    answer = Kept(call=message.call, trace=await self._recall(step))
                case _:
                    answer = await self._recall_all(message.call)
        except (BusError, ArtifactError) as error:
            answer = Kept(call=message.call, failure=not_prepared(error, "TraceNotRecorded"))
        await self._answer(answer)

    def _served(self, task: "asyncio.Task[None]") -> None:
        """A step that is never answered would leave the user's code waiting for ever."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._on_broken(error)

    async def _recall(self, step: str) -> Trace | None:
        await self._have_read()
        known = self._known.get(step)
        if known is None and (offered := self._offered.pop(step, None)) is not None:
            return await self._take_over(step, offered)
        return None if known is None else await self._restored(known)

    async def _take_over(self, step: str, offered: TraceSucceeded) -> Trace | None:
        """Record what the source has under this name; None when the store has lost its value."""
        try:
            restored = await self._restored(offered)
        except ArtifactRefused as error:
            if error.code != ARTIFACT_NOT_FOUND:
                raise
            return None
        self._known[step] = taken = await self._adopted(step, offered)
        return restored if taken is offered else await self._restored(taken)

    async def _adopted(self, step: str, offered: TraceSucceeded) -> Trace:
        """What stands under this name once it is recorded, if nothing stood there."""
        try:
            await self._reports.record(step, offered)
        except Conflict:
            return await self._recorded(step)
        return offered

    async def _recall_all(self, call: int) -> Remembered:
        """Tell everything that is small, in several words; the last, which says what else there is."""
        await self._have_read()
        small = [name for name in self._known if name not in self._large]
        for start in range(0, len(small), AT_A_TIME):
            traces = {name: _without_inputs(self._known[name]) for name in small[start : start + AT_A_TIME]}
            await self._answer(Remembered(call=call, traces=traces, more=True))
        return Remembered(call=call, large=tuple(self._large))

    async def _have_read(self) -> None:
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        await asyncio.shield(self._reading)

    async def _record(self, said: Record) -> Trace | None:
        """What stands under the name when it is not this; steps that are known need not be written."""
        known = self._known.get(said.step)
        if known is None:
            try:
                trace = await self._offloaded(said.trace)
                await self._reports.record(said.step, trace, said.traceparent)
                return None
            except Conflict:
                known = await self._recorded(said.step)
        if known.parent_attempt == said.trace.parent_attempt and known.started_at == said.trace.started_at:
            return None  # ours, and its acknowledgement was lost
        log.info("agent.trace.known", step=said.step, recorded_by=known.parent_attempt)
        return await self._restored(known)

    async def _recorded(self, step: str) -> Trace:
        """The word that stands under a name."""
        subject = action_subject(self._order.key.action.run.action(step))
        for _ in range(LOOKS):
            async with aclosing(self._log.read(RUNS, subject)) as entries:
                async for entry in entries:
                    if (trace := _trace_of(entry)) is not None:
                        return trace
            await asyncio.sleep(LOOK_AGAIN_S)  # a replica of the stream may not have it yet
        raise BusError(f"something stands under {step} in the log, and it is no traced step")

    async def _read(self) -> None:
        """Take note of all that earlier attempts of this action have recorded.

        They have ended before this one was opened: the word that opened it is far enough to read.
        """
        async for name, trace, is_large in self._steps_of(
            self._order.key.action, self._since, self._order.fence
        ):
            self._known.setdefault(name, trace)
            if is_large:
                self._large.add(name)
        if self._source is not None:
            await self._read_source(self._source)
        log.info("agent.traces.read", known=len(self._known))

    async def _read_source(self, source: Source) -> None:
        """Record what is small as our own, and take note of what is large."""
        small: dict[str, TraceSucceeded] = {}
        async for name, trace, is_large in self._steps_of(source.action, source.first, source.last):
            if name in self._known or not isinstance(trace, TraceSucceeded):
                continue
            changes = {
                "parent": self._order.action,
                "parent_attempt": self._order.attempt,
                "recovered_from": str(source.action.run.action(name)),
            }
            (self._offered if is_large else small).setdefault(name, trace.model_copy(update=changes))
        self._large.update(self._offered)
        names = list(small)
        for start in range(0, len(names), AT_A_TIME):
            some = names[start : start + AT_A_TIME]
            taken = await asyncio.gather(*(self._adopted(name, small[name]) for name in some))
            self._known.update(zip(some, taken, strict=True))
            self._large.update(name for name in some if self._known[name] is not small[name])

    async def _steps_of(
        self, action: ActionKey, first: int, last: int
    ) -> AsyncIterator[tuple[str, Trace, bool]]:
        """The steps of an action that stand between these words: name, record, and whether it is large."""
        position = first
        while position < last:
            async with aclosing(self._log.read(RUNS, run_filter(action.run), after=position)) as entries:
                async for entry in entries:
                    position = max(position, entry.sequence)
                    key, trace = parse_action(entry.subject), _trace_of(entry)
                    if key is not None and trace is not None and trace.parent == action.action:
                        yield key.action, trace, _is_large(entry, trace)
            if position < last:
                await asyncio.sleep(LOOK_AGAIN_S)

    async def _offloaded(self, trace: Trace) -> Trace:
        changes = {
            "inputs": await offload(trace.inputs, self._store),
            "outputs": await offload(trace.outputs, self._store),
        }
        return trace.model_copy(update=changes)

    async def _restored(self, trace: Trace) -> Trace:
        return _without_inputs(trace).model_copy(
            update={"outputs": await restore(trace.outputs, self._store)}
        )


def _without_inputs(trace: Trace) -> Trace:
    """Who asks has them."""
    return trace.model_copy(update={"inputs": {}})


def _is_large(entry: Entry, trace: Trace) -> bool:
    """Whether it is told only to who asks for it."""
    lies_elsewhere = any(isinstance(literal, ReferencedLiteral) for literal in trace.outputs.values())
    return lies_elsewhere or len(entry.raw) > SMALL_BYTES


def _trace_of(entry: Entry) -> Trace | None:
    if isinstance(entry.content, Malformed):
        return None
    data = entry.content.data
    return data if isinstance(data, TraceSucceeded | TraceFailed) else None
