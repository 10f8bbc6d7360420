"""The children of the running attempt: asked for, followed in the log, answered when they end.

A child's name is deterministic, so asking for one that exists is a conflict, and then the answer is in the
log already or will be. One reader over the run serves all of them; it starts with the first call.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing

import structlog

from flyte._runtime.messages import Ask, ChildEnded, Pause, Paused
from flyte_agent.conditions import Conditions
from flyte_agent.endings import not_prepared
from flyte_agent.reports import Reports
from flyte_bus.errors import BusError, Conflict
from flyte_bus.history import read_action
from flyte_bus.ports import Bus, Entry
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import Malformed
from flyte_schemas.events import ActionRequested
from flyte_schemas.orders import Order
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import parse_action, run_filter

log = structlog.get_logger()

Answer = Callable[[ChildEnded | Paused], Awaitable[None]]
OnBroken = Callable[[BaseException], None]


class Children:
    """Serves the runner's asks. `since` is the sequence of the parent's own first event; `env_vars` are the
    run's, and go on to every child.
    """

    def __init__(
        self,
        bus: Bus,
        order: Order,
        reports: Reports,
        *,
        since: int,
        answer: Answer,
        on_broken: OnBroken,
        env_vars: Mapping[str, str] = {},
    ) -> None:
        self._bus = bus
        self._order = order
        self._reports = reports
        self._since = since
        self._env_vars = dict(env_vars)
        self._answer = answer
        self._on_broken = on_broken
        self._conditions = Conditions(bus.log, order, reports)
        self._fold = RunFold()
        self._waiting: dict[str, list[int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._follower: asyncio.Task[None] | None = None
        self._knows_earlier = asyncio.Event()

    def ask(self, ask: Ask) -> None:
        """Serve one ask, in the background."""
        self._start_following()
        self._spawn(self._serve(ask))

    def pause(self, pause: Pause) -> None:
        """Ask a person, in the background."""
        self._start_following()
        self._spawn(self._ask_somebody(pause))

    def _start_following(self) -> None:
        if self._follower is None:
            self._follower = asyncio.create_task(self._follow())
            self._follower.add_done_callback(self._ended_badly)

    def give_up(self, call: int) -> None:
        """This call does not wait any more: a child for which no other call waits is aborted."""
        for action, calls in self._waiting.items():
            if call in calls:
                calls.remove(call)
                if not calls:
                    del self._waiting[action]
                    self._spawn(self._abort(action))
                return

    async def close(self) -> None:
        """Stop following; children that run on are the executor's to end."""
        tasks = [*self._tasks, *([self._follower] if self._follower else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, ask: Ask) -> None:
        self._waiting.setdefault(ask.action, []).append(ask.call)
        await self._knows_earlier.wait()
        if ask.call not in self._waiting.get(ask.action, ()):
            return  # given up meanwhile
        if not self._fold.get(ask.action).phase:
            try:
                await self._request(ask)
            except Conflict:
                log.info("agent.child.attached", child=ask.action)
            except BusError as error:
                failure = not_prepared(error, "ChildNotRequested")
                for call in self._waiting.pop(ask.action, []):  # it may be in the log, and over
                    await self._answer(ChildEnded(call=call, phase=ActionPhase.FAILED, failure=failure))
                return
        await self._answer_if_ended(ask.action)

    async def _ask_somebody(self, pause: Pause) -> None:
        failure = await self._conditions.open(pause)
        await self._answer(Paused(call=pause.call, failure=failure))
        if failure is None:
            self._waiting.setdefault(pause.condition, []).append(pause.call)
            self._spawn(self._conditions.announce(pause))
            await self._answer_if_ended(pause.condition)

    async def _abort(self, action: str) -> None:
        try:
            await self._reports.request_abort(action)
            log.info("agent.child.given_up", child=action)
        except BusError as error:  # it runs on, and ends with its parent at the latest
            log.warning("agent.child.not_given_up", child=action, error=str(error))

    async def _request(self, ask: Ask) -> None:
        await self._reports.request_child(
            ask.action,
            ActionRequested(
                task=ask.task,
                inputs=ask.inputs,
                parent=self._order.action,
                parent_attempt=self._order.attempt,
                group=ask.group,
                env_vars=dict(self._env_vars),
                custom_context=dict(ask.custom_context),
                overrides=ask.overrides,
            ),
            ask.traceparent,
        )

    async def _follow(self) -> None:
        run, after = run_filter(self._order.key.action.run), self._since
        if self._order.attempt > 1:  # what earlier attempts asked for is known before it is asked for again
            async for entry in self._bus.log.read(RUNS, run, after=after):
                self._take(entry)
                after = entry.sequence
        self._knows_earlier.set()
        entries = self._bus.log.follow(RUNS, run, after=after)
        async with aclosing(entries):
            async for entry in entries:
                self._take(entry)

    def _take(self, entry: Entry) -> None:
        key = parse_action(entry.subject)
        if key is None or isinstance(entry.content, Malformed):
            return
        state = self._fold.apply(key.action, entry.content, entry.sequence)
        if state.is_terminal and key.action in self._waiting and self._knows_earlier.is_set():
            self._spawn(self._answer_if_ended(key.action))

    async def _answer_if_ended(self, action: str) -> None:
        state = self._fold.get(action)
        if not state.is_terminal or action not in self._waiting:
            return
        if state.requested is None and state.condition is None:
            # It was answered before, and of what was answered nothing is held: the log has it.
            state, _ = await read_action(self._bus.log, self._order.key.action.run.action(action))
        self._fold.slim(action)
        for call in self._waiting.pop(action, []):
            await self._answer(_ended(call, state))

    def _spawn(self, work: "Awaitable[None]") -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._ended_badly)

    def _ended_badly(self, task: "asyncio.Future[None]") -> None:
        """Children that cannot be followed or answered any more would leave the parent waiting for ever."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._on_broken(error)


def _ended(call: int, state: ActionState) -> ChildEnded:
    """What the runner is told; what is large it fetches itself."""
    assert state.phase is not None
    return ChildEnded(
        call=call,
        phase=state.phase,
        outputs=state.outputs or {},
        failure=state.failure,
        abort_reason=state.abort_reason,
    )
