"""Wait for a run: its events and its output side by side, until it is over and everything was shown.

A terminal fact says how many bytes of output there were, so the end of the output is known and nobody has
to guess by waiting a little longer.
"""

import asyncio
from contextlib import aclosing, suppress
from typing import Literal

from flyte import errors
from flyte._client.logs import AttemptOf, LogOrder, LogPrinter
from flyte._client.racing import first_of
from flyte._client.starting import already_exists
from flyte._client.trouble import Say
from flyte._client.watch import Happening, RunWatch
from flyte._limits import LOGS_PATIENCE_S, QUIET_WAIT_S
from flyte_bus.ports import Bus
from flyte_schemas.envelope import Malformed
from flyte_schemas.events import AttemptFailed, AttemptSucceeded, LogWritten
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from flyte_schemas.streams import LOGS
from flyte_schemas.subjects import ROOT_ACTION, RunKey, log_filter, parse_action

INTRODUCTION_S = 1.0
"""How long output waits for the event that says whose it is."""

WaitFor = Literal["terminal", "running", "logs-ready", "settled"]
"""Until it has ended, until its function runs (and so can print), or until all of the run has ended."""

_WAITS = {
    None: "the executor to take the run",
    ActionPhase.QUEUED: "the executor to place the run",
    ActionPhase.WAITING_FOR_RESOURCES: "an agent to start",
    ActionPhase.INITIALIZING: "the agent to fetch and import the code",
}


class Follower:
    """One wait for one run, or for one action of it. Without a `printer` the output is not read at all."""

    def __init__(
        self,
        bus: Bus,
        watch: RunWatch,
        printer: LogPrinter | None,
        *,
        say: Say,
        request_id: str | None = None,
        wait_for: WaitFor = "terminal",
        action: str = ROOT_ACTION,
    ) -> None:
        self._bus = bus
        self._watch = watch
        self._printer = printer
        self._say = say
        self._request_id = request_id
        self._wait_for = wait_for
        self._action = action
        self._order = LogOrder()
        self._ends: dict[AttemptOf, int] = {}
        self._over = asyncio.Event()
        self._moved = asyncio.Event()

    async def wait(self) -> None:
        """Return when the run is over and its output was printed.

        Raises RuntimeUserError (`RunAlreadyExistsError`) when the run is another request's; the bus's errors.
        """
        works = [self._events(), self._remind(), self._end()]
        if self._printer is not None:
            works.append(self._logs(self._printer))
        try:
            await first_of(*works)
        finally:
            if self._printer is not None:
                for action, chunk in self._order.flush():
                    self._printer.write(action, chunk)
                self._printer.finish()

    async def _events(self) -> None:
        async with aclosing(self._watch.follow()) as happenings:
            async for happening in happenings:
                self._take(happening)
        raise errors.RuntimeSystemError("SystemUnavailableError", "the connection was closed")

    def _take(self, happening: Happening) -> None:
        check_is_ours(happening, self._watch.key, self._request_id)
        match happening.event.data:
            case AttemptSucceeded(attempt=attempt, log_end=int(end)):
                self._ends[happening.action, attempt] = end
            case AttemptFailed(attempt=attempt, log_end=int(end)):
                self._ends[happening.action, attempt] = end
            case _:
                pass
        self._moved.set()
        if self._is_over():
            self._over.set()

    def _is_over(self) -> bool:
        awaited = self._watch.fold.get(self._action)
        never_asked_for = awaited.phase is None and self._watch.fold.root.is_terminal
        over = awaited.is_terminal or never_asked_for
        match self._wait_for:
            case "terminal":
                return over
            case "running" | "logs-ready":
                return over or awaited.phase is ActionPhase.RUNNING
            case "settled":
                return over and self._watch.fold.is_settled

    async def _logs(self, printer: LogPrinter) -> None:
        async with aclosing(self._bus.log.follow(LOGS, log_filter(self._watch.key))) as entries:
            async for entry in entries:
                place = parse_action(entry.subject)
                if place is None or isinstance(entry.content, Malformed):
                    continue
                if isinstance(entry.content.data, LogWritten):
                    await self._introduced(place.action)
                    for chunk in self._order.put(place.action, entry.content.data):
                        printer.write(place.action, chunk)
                    self._moved.set()
        raise errors.RuntimeSystemError("SystemUnavailableError", "the connection was closed")

    async def _introduced(self, action: str) -> None:
        """Wait until the reader of events knows an action too, so that its output can bear its name."""
        with suppress(TimeoutError):
            async with asyncio.timeout(INTRODUCTION_S):
                while self._watch.task_of(action) is None:
                    self._moved.clear()
                    await self._moved.wait()

    async def _end(self) -> None:
        """Wait for the end of the run, then for the end of its output."""
        await self._over.wait()
        if self._printer is None or self._wait_for in ("running", "logs-ready"):
            return
        try:
            async with asyncio.timeout(LOGS_PATIENCE_S):
                while not self._order.is_complete(self._ends):
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            missing = self._order.missing(self._ends)
            self._say(f"{missing} bytes of output did not arrive within {LOGS_PATIENCE_S:g} s")

    async def _remind(self) -> None:
        """Say what the run waits for, when for a while nothing happens before it runs."""
        said: str | None = None
        asked: set[str] = set()
        while True:
            phase = self._watch.fold.root.phase
            await asyncio.sleep(QUIET_WAIT_S)
            for name, prompt in paused(self._watch.fold):
                if name not in asked:
                    asked.add(name)
                    run = self._watch.key.run
                    self._say(f"{run} asks: {prompt}\n  answer: flyte signal condition {run} {name} VALUE")
            if phase is self._watch.fold.root.phase and phase in _WAITS:
                waits_for = self._watch.fold.root.waiting or _WAITS[phase]
                if waits_for != said:
                    said = waits_for
                    self._say(f"{self._watch.key.run}: waiting for {said}")


def paused(fold: RunFold) -> list[tuple[str, str]]:
    """The conditions of a run that wait for an answer, and what they ask."""
    states = fold.actions.items()
    return [
        (name, state.condition.prompt)
        for name, state in states
        if state.condition is not None and state.phase is ActionPhase.PAUSED
    ]


def check_is_ours(happening: Happening, key: RunKey, request_id: str | None) -> None:
    """Raise RuntimeUserError when the run's first event answers somebody else's request."""
    first = happening.action == ROOT_ACTION and happening.state.request_id == happening.event.id
    if first and request_id is not None and happening.event.cause != request_id:
        raise already_exists(key.run)
