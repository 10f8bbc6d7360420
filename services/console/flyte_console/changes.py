"""The list of runs, live: which runs of a project and domain have changed, for all who look at their list.

One follower reads the events of the project; what each changed run looks like now, the registry says. It is
asked in bunches and once for all readers, and answers from at least the place where the change stands.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import structlog

from flyte_bus.errors import BusError
from flyte_bus.ports import Bus
from flyte_bus.service import Supervisor
from flyte_console.answers.parts import Position
from flyte_console.answers.runs import RunRow, RunsChanged
from flyte_console.core.asks import Ask
from flyte_console.core.recent import RecentRuns
from flyte_console.lingering import Lingering
from flyte_console.runs import row_of
from flyte_console.settings import ConsoleSettings
from flyte_console.streams import Sent
from flyte_console.views import AGAIN_S, rang
from flyte_schemas.endpoints import LIST_RUNS, ListRuns
from flyte_schemas.names import is_name
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import parse_action, place_filter

ASKED_AT_ONCE = 8
"""How many runs the registry is asked about at a time."""

Place = tuple[str, str]
"""A project and a domain."""

log = structlog.get_logger()


class PlaceView:
    """What has changed lately in one project and domain, as long as somebody looks."""

    def __init__(self, place: Place, start: int, settings: ConsoleSettings) -> None:
        self.place = place
        self.recent = RecentRuns(start, settings.max_changed_runs)
        self.watchers = 0
        self.looked_at = time.monotonic()
        self.lingering = Lingering()
        self.bells: set[asyncio.Event] = set()
        self._settings = settings
        self._changed: set[str] = set()
        self._seen = start
        self._news = asyncio.Event()

    async def follow(self, bus: Bus) -> None:
        """Follow the log and ask the registry, for ever."""
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._listen(bus))
                    group.create_task(self._tell(bus))
            except* Exception as errors:
                log.warning("console.list.failed", place=self.place, error=repr(errors.exceptions[0]))
                await asyncio.sleep(AGAIN_S)

    async def _listen(self, bus: Bus) -> None:
        async with aclosing(bus.log.follow(RUNS, place_filter(*self.place), after=self._seen)) as entries:
            async for entry in entries:
                key = parse_action(entry.subject)
                if key is not None and is_name(key.run.run):
                    self._changed.add(key.run.run)
                self._seen = max(self._seen, entry.sequence)
                self._news.set()
        raise BusError("the connection to the event log was closed")

    async def _tell(self, bus: Bus) -> None:
        limit = asyncio.Semaphore(ASKED_AT_ONCE)
        while True:
            await self._news.wait()
            await asyncio.sleep(self._settings.list_bunch_s)
            self._news.clear()
            names, seen = self._changed, self._seen
            self._changed = set()
            try:
                rows = await asyncio.gather(*(self._ask(bus, name, seen, limit) for name in names))
            except BaseException:
                self._changed |= names
                self._news.set()
                raise
            self.recent.put([row for row in rows if row is not None], seen)
            for bell in self.bells:
                bell.set()

    async def _ask(self, bus: Bus, name: str, seen: int, limit: asyncio.Semaphore) -> RunRow | None:
        """What a run looks like at this place of the log, or later."""
        project, domain = self.place
        question = ListRuns(project=project, domain=domain, name=name, at_least_sequence=seen)
        async with limit:
            found = await bus.ask(LIST_RUNS, question, timeout_s=self._settings.ask_patience_s)
        return row_of(found.runs[0]) if found.runs else None


class PlaceViews:
    """The handler of the stream; a view ends a while after the last reader."""

    def __init__(self, bus: Bus, settings: ConsoleSettings, loops: Supervisor) -> None:
        self._bus = bus
        self._settings = settings
        self._loops = loops
        self._views: dict[Place, tuple[PlaceView, asyncio.Task[None]]] = {}
        self._making = asyncio.Lock()

    @property
    def following(self) -> int:
        """How many projects are followed just now."""
        return len(self._views)

    async def stream(self, ask: Ask) -> AsyncGenerator[Sent]:
        """The runs of a project and domain that change, each as it is then."""
        after = ask.whole("after", default=0)
        async with self._watching((ask.name("project"), ask.name("domain")), after) as view:
            bell = asyncio.Event()
            view.bells.add(bell)
            try:
                yield Sent()
                async with aclosing(self._messages(view, after, bell)) as messages:
                    async for message in messages:
                        yield message
            finally:
                view.bells.discard(bell)

    async def _messages(self, view: PlaceView, after: int, bell: asyncio.Event) -> AsyncGenerator[Sent]:
        recent = view.recent
        tick = recent.tick_of(after) if after else recent.tick
        while True:
            if tick is None or tick < recent.gone:
                tick = recent.tick
                reset = Position(as_of=recent.as_of)
                yield Sent("reset", reset.model_dump_json().encode(), recent.as_of)
            elif tick < recent.tick:
                rows, tick, as_of = recent.changed_after(tick), recent.tick, recent.as_of
                changed = RunsChanged(runs=tuple(rows), as_of=as_of)
                yield Sent("runs", changed.model_dump_json().encode(), as_of)
            elif not await rang(bell, self._settings.heartbeat_s):
                yield Sent()

    @asynccontextmanager
    async def _watching(self, place: Place, after: int) -> AsyncIterator[PlaceView]:
        async with self._making:
            if place not in self._views:
                start = await self._start(after)
                made = PlaceView(place, start, self._settings)
                self._views[place] = (made, self._loops.spawn(f"follow {place}", made.follow(self._bus)))
        view, _ = self._views[place]
        view.watchers += 1
        view.lingering.stay()
        self._make_room()
        try:
            yield view
        finally:
            view.watchers -= 1
            view.looked_at = time.monotonic()
            if not view.watchers:
                view.lingering.leave(self._settings.linger_s, lambda: self._forget(view))

    async def _start(self, after: int) -> int:
        """From where to follow, so that a reader who was told this place misses nothing that is near."""
        async with asyncio.timeout(self._settings.ask_patience_s):
            end = await self._bus.log.last_sequence(RUNS)
        return after if 0 < end - after <= self._settings.max_catch_up and after else end

    def _forget(self, view: PlaceView) -> None:
        kept = self._views.get(view.place)
        if kept and kept[0] is view and not view.watchers:
            view.lingering.stay()
            del self._views[view.place]
            kept[1].cancel()

    def _make_room(self) -> None:
        """Follow no more of what nobody looks at than may be, the longest unseen go first."""
        unseen = [view for view, _ in self._views.values() if not view.watchers]
        unseen.sort(key=lambda view: view.looked_at)
        for view in unseen[: max(0, len(self._views) - self._settings.max_views)]:
            self._forget(view)
