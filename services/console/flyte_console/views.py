"""Views of runs: one fold for each run that somebody looks at, kept up by one follower however many look.

A view goes on for a while after the last look, so that a page which loads a run and then follows it, or
comes back to it, reads the log once. The view of a run that has settled is kept without a follower, while
there is room for it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager

import structlog

from flyte_bus.errors import BusError
from flyte_bus.ports import Bus, Entry
from flyte_bus.service import Supervisor
from flyte_console.core.rows import RunRows
from flyte_console.lingering import Lingering
from flyte_console.settings import ConsoleSettings
from flyte_schemas.envelope import Malformed
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import RunKey, parse_action, run_filter

BREATH = 100
"""After so many events that were read at once, others on the event loop have their turn."""
AGAIN_S = 1.0
"""How long a follower rests whose bus has failed."""

log = structlog.get_logger()


class RunView:
    """What the console knows of one run; `rows` grows while somebody looks."""

    def __init__(self, key: RunKey) -> None:
        self.key = key
        self.rows = RunRows()
        self.watchers = 0
        self.looked_at = time.monotonic()
        self.lingering = Lingering()
        self.is_read = asyncio.Event()
        """Set when all that the log had when the view began was taken in."""
        self.is_settled = False
        """Whether nothing will change any more."""
        self.sure = 0
        """Up to here the log was read; what was heard live since may have gaps that nobody has noticed."""
        self.answer: tuple[tuple[int, bool], bytes] | None = None
        """The encoded rows, and after how many changes, and whether they are the last."""
        self._bells: set[asyncio.Event] = set()

    def take(self, entry: Entry) -> None:
        """Take in one message of the run."""
        place = parse_action(entry.subject)
        if place is None:
            return
        if isinstance(entry.content, Malformed):
            self.rows.skip(entry.sequence)
        else:
            self.rows.apply(place.action, entry.content, entry.sequence)

    def tell(self) -> None:
        """Wake those who wait for a change."""
        for bell in self._bells:
            bell.set()

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """A bell that rings with each change."""
        bell = asyncio.Event()
        self._bells.add(bell)
        try:
            yield bell
        finally:
            self._bells.discard(bell)


async def rang(bell: asyncio.Event, timeout_s: float) -> bool:
    """Return when a bell has rung since the last time; False when it did not for so long."""
    try:
        async with asyncio.timeout(timeout_s):
            await bell.wait()
    except TimeoutError:
        return False
    bell.clear()
    return True


class RunViews:
    """All views; those that nobody looks at are let go, the longest unseen first."""

    def __init__(self, bus: Bus, settings: ConsoleSettings, loops: Supervisor) -> None:
        self._bus = bus
        self._settings = settings
        self._loops = loops
        self._views: dict[RunKey, RunView] = {}
        self._followers: dict[RunKey, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._views)

    @property
    def following(self) -> int:
        """How many runs are followed just now."""
        return len(self._followers)

    @asynccontextmanager
    async def watching(self, key: RunKey) -> AsyncIterator[RunView]:
        """A view that stays while the block runs."""
        view = self._views.pop(key, None) or RunView(key)
        self._views[key] = view
        view.watchers += 1
        view.lingering.stay()
        self._make_room()
        if not view.is_settled and key not in self._followers:
            self._follow(view)
        try:
            yield view
        finally:
            view.watchers -= 1
            view.looked_at = time.monotonic()
            if not view.watchers:
                self._forget_later(view)

    async def read(self, view: RunView) -> None:
        """Return when the view has seen what the log held when it began.

        Raises TimeoutError when it stands still, or takes too long.
        """
        with view.listening() as bell:
            async with asyncio.timeout(self._settings.read_patience_s):
                while not view.is_read.is_set():
                    if not await rang(bell, self._settings.ask_patience_s):
                        raise TimeoutError

    def _follow(self, view: RunView) -> None:
        view.is_read.clear()
        task = self._loops.spawn(f"follow {view.key}", self._kept_up(view))
        self._followers[view.key] = task

        def forget(ended: asyncio.Task[None]) -> None:
            if self._followers.get(view.key) is ended:
                del self._followers[view.key]

        task.add_done_callback(forget)

    async def _kept_up(self, view: RunView) -> None:
        """Follow a run until it has settled; who forgets it cancels this.

        When all seems to have ended, what was heard live is read once more: of a part of a stream, a word
        that is lost on one subject is not missed by what comes on others.
        """
        while True:
            try:
                await self._read_on(view)
                if view.rows.is_settled:
                    view.is_settled = True
                    view.tell()
                    return
                await self._follow_on(view)
            except Exception as error:
                log.warning("console.view.failed", run=str(view.key), error=str(error))
                await asyncio.sleep(AGAIN_S)

    async def _read_on(self, view: RunView) -> None:
        """Take in what the log has beyond what was read."""
        filter_, count = run_filter(view.key), 0
        async with aclosing(self._bus.log.read(RUNS, filter_, after=view.sure)) as entries:
            async for entry in entries:
                view.take(entry)
                view.sure = entry.sequence
                count += 1
                if not count % BREATH:
                    view.tell()
                    await asyncio.sleep(0)
        view.is_read.set()
        view.tell()

    async def _follow_on(self, view: RunView) -> None:
        """Take in what comes, until all seems to have ended. Raises BusError when no more can come."""
        filter_ = run_filter(view.key)
        async with aclosing(self._bus.log.follow(RUNS, filter_, after=view.sure)) as entries:
            async for entry in entries:
                view.take(entry)
                view.tell()
                if view.rows.is_settled:
                    return
        raise BusError("the connection to the event log was closed")

    def _forget_later(self, view: RunView) -> None:
        """Stop following a run that nobody has looked at for a while; forget one that is not there."""

        def forget() -> None:
            if not view.watchers and not view.is_settled and self._views.get(view.key) is view:
                self._drop(view)

        if not len(view.rows):
            self._drop(view)
        elif not view.is_settled:
            view.lingering.leave(self._settings.linger_s, forget)

    def _make_room(self) -> None:
        """Let go of what nobody looks at, while there is more than there may be."""
        unseen = [view for view in self._views.values() if not view.watchers]
        unseen.sort(key=lambda view: view.looked_at)
        kept_actions = sum(len(view.rows) for view in unseen)
        for view in unseen:
            if len(self._views) <= self._settings.max_views and (
                kept_actions <= self._settings.max_kept_actions
            ):
                return
            kept_actions -= len(view.rows)
            self._drop(view)

    def _drop(self, view: RunView) -> None:
        view.lingering.stay()
        del self._views[view.key]
        if (task := self._followers.pop(view.key, None)) is not None:
            task.cancel()
