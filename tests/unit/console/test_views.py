"""Views of runs on the bus in memory: one follower however many look, and none when nobody does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyte_bus import event_loop
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.service import Supervisor
from flyte_console.changes import PlaceViews
from flyte_console.core.asks import Ask
from flyte_console.core.sessions import SeenPlace, Session
from flyte_console.settings import ConsoleSettings
from flyte_console.streams import action_messages
from flyte_console.views import RunView, RunViews
from flyte_schemas.events import EventData
from flyte_schemas.sessions import ANY
from flyte_schemas.subjects import RunKey, action_subject
from testkit.browsers import Browser
from testkit.cases.harness import GUARD_S
from testkit.events import RUN, event
from testkit.words import failed, placed, queued, requested, retried, started, succeeded

SETTINGS = ConsoleSettings(bunch_s=0.0, heartbeat_s=0.01, linger_s=0.0, max_rows=3)

EVERYWHERE = Session(
    kind="program",
    user="ann",
    places=(SeenPlace(project=ANY, domain=ANY),),
    ends_at=datetime.now(UTC) + timedelta(hours=1),
    seen_at=datetime.now(UTC),
)

STORY: list[tuple[str, EventData]] = [
    ("a0", requested()),
    ("a0", queued()),
    ("a0", placed()),
    ("a0", started()),
    ("a1", requested("a0")),
    ("a1", queued()),
    ("a2", requested("a0")),
    ("a1", placed()),
    ("a1", started()),
    ("a1", failed()),
    ("a1", retried()),
    ("a2", queued()),
    ("a1", queued(2)),
    ("a2", placed()),
    ("a2", started()),
    ("a1", placed(2)),
    ("a1", started(2)),
    ("a2", succeeded()),
    ("a1", succeeded(2)),
    ("a0", succeeded()),
]


class Stage:
    """A bus on which a run happens, word by word, and a console's views of it."""

    def __init__(self, limits: ConsoleSettings = SETTINGS) -> None:
        self.server = MemoryServer()
        self.bus = MemoryBus(self.server)
        self.loops = Supervisor("console")
        self.settings = limits
        self.views = RunViews(self.bus, limits, self.loops)
        self._said = 0

    async def say(self, count: int, run: RunKey = RUN) -> None:
        """The next words of the story."""
        for name, data in STORY[self._said : self._said + count]:
            self._said += 1
            subject = action_subject(run.action(name))
            await self.bus.log.append(event(subject, data, id=f"{run.run}.{self._said}"))

    def rewind(self) -> None:
        """Tell the story once more, of another run."""
        self._said = 0

    async def restart(self) -> None:
        """A new console, which knows nothing."""
        await self.loops.stop()
        self.loops = Supervisor("console")
        self.views = RunViews(self.bus, self.settings, self.loops)

    async def look(self, browser: Browser, messages: int) -> None:
        """Follow the run for so many messages, or to its end; and then break off."""
        async with self.views.watching(RUN) as view:
            await self.views.read(view)
            async with aclosing(action_messages(view, browser.last_id, self.settings)) as stream:
                async for message in stream:
                    browser.take(message)
                    messages -= 1
                    if messages <= 0:
                        return

    async def close(self) -> None:
        await self.loops.stop()
        await self.bus.close()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.bus.provision()
    try:
        yield stage
    finally:
        await stage.close()


def rows_of(view: RunView) -> dict[str, list[Any]]:
    """The rows, as JSON has them."""
    return {row.name: orjson.loads(orjson.dumps(row.values())) for row in view.rows}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(1, 4)),
        st.tuples(st.just("look"), st.integers(1, 3)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_whatever_breaks_off_in_the_end_the_browser_has_what_the_log_says(
    steps: list[tuple[str, int]],
) -> None:
    async def play() -> None:
        stage, browser = Stage(), Browser()
        await stage.bus.provision()
        try:
            for step, count in steps:
                match step:
                    case "say":
                        await stage.say(count)
                    case "look":
                        await stage.look(browser, count)
                    case _:
                        await stage.restart()
            await stage.say(len(STORY))
            async with asyncio.timeout(GUARD_S):
                await stage.look(browser, 10_000)
            async with stage.views.watching(RUN) as view:
                await stage.views.read(view)
                assert browser.rows == rows_of(view)
                assert browser.has_ended
                assert browser.last_id == len(STORY)
        finally:
            await stage.close()

    asyncio.run(play())


async def test_of_many_who_look_one_follows(stage: Stage) -> None:
    await stage.say(8)
    async with stage.views.watching(RUN) as one, stage.views.watching(RUN) as other:
        assert one is other
        assert stage.views.following == 1


async def test_who_is_slow_gets_larger_steps_and_what_waits_for_him_does_not_grow(stage: Stage) -> None:
    browser = Browser()
    await stage.say(1)
    async with stage.views.watching(RUN) as view:
        await stage.views.read(view)
        async with aclosing(action_messages(view, 0, stage.settings)) as messages:
            browser.take(await anext(messages))
            await stage.say(len(STORY))
            async with asyncio.timeout(GUARD_S):
                while not view.is_settled:
                    await asyncio.sleep(0)
            browser.take(await anext(messages))
            assert browser.rows == rows_of(view)
            browser.take(await anext(messages))
            assert browser.has_ended


async def test_a_run_that_nobody_looks_at_is_not_followed(stage: Stage) -> None:
    await stage.say(8)
    await stage.look(Browser(), 1)
    async with asyncio.timeout(GUARD_S):
        while stage.views.following:
            await asyncio.sleep(0)


async def test_a_run_that_has_settled_is_kept_and_not_followed(stage: Stage) -> None:
    await stage.say(len(STORY))
    async with stage.views.watching(RUN) as view:
        await stage.views.read(view)
        assert view.is_settled
    async with asyncio.timeout(GUARD_S):
        while stage.views.following:
            await asyncio.sleep(0)
    async with stage.views.watching(RUN) as again:
        assert again is view
        assert not stage.views.following


def test_none_is_followed_for_ever_though_a_timer_goes_off_before_its_time() -> None:
    """uvloop's do, by up to a millisecond, in about one case of nine."""
    pytest.importorskip("uvloop")

    async def left() -> tuple[int, int]:
        stage = Stage(replace(SETTINGS, linger_s=0.01))
        await stage.bus.provision()
        places = PlaceViews(stage.bus, stage.settings, stage.loops)
        async with stage.bus:
            for number in range(150):
                stage.rewind()
                await stage.say(1, key := RunKey("project", "domain", f"r{number}"))
                async with stage.views.watching(key) as view:
                    await stage.views.read(view)
                path = {"project": f"p{number}", "domain": "domain"}
                async with aclosing(places.stream(Ask(path, {}, EVERYWHERE))) as messages:
                    await anext(messages)
            with suppress(TimeoutError):
                async with asyncio.timeout(GUARD_S):
                    while stage.views.following + places.following:
                        await asyncio.sleep(0.01)
            followed = stage.views.following, places.following
            await stage.close()
        return followed

    assert event_loop.run(left()) == (0, 0)


async def test_lists_that_nobody_looks_at_any_more_are_followed_in_numbers(stage: Stage) -> None:
    limits = replace(SETTINGS, linger_s=600.0, max_views=3)
    places = PlaceViews(stage.bus, limits, stage.loops)
    for number in range(8):
        ask = Ask({"project": f"p{number}", "domain": "domain"}, {}, EVERYWHERE)
        async with aclosing(places.stream(ask)) as messages:
            await anext(messages)
            assert places.following <= 3
    async with aclosing(places.stream(ask)) as messages:
        await anext(messages)
        assert places.following == 3, "the last one goes on"


async def test_a_run_that_there_is_not_is_forgotten(stage: Stage) -> None:
    async with stage.views.watching(RUN) as view:
        await stage.views.read(view)
    assert len(stage.views) == 0


async def test_only_so_many_actions_are_kept_of_runs_that_nobody_looks_at() -> None:
    stage = Stage(replace(SETTINGS, linger_s=60.0, max_kept_actions=5))
    await stage.bus.provision()
    try:
        for name in ("r1", "r2", "r3"):
            key = RunKey("project", "domain", name)
            stage.rewind()
            await stage.say(len(STORY), key)
            async with stage.views.watching(key) as view:
                await stage.views.read(view)
        async with stage.views.watching(key):
            assert len(stage.views) <= 2  # three actions each
    finally:
        await stage.close()


async def test_an_outage_is_waited_for_and_nothing_is_lost(stage: Stage) -> None:
    await stage.say(8)
    browser = Browser()
    async with stage.views.watching(RUN) as view:
        await stage.views.read(view)
        stage.server.stop()
        await asyncio.sleep(0)
        stage.server.start()
        await stage.say(len(STORY))
        async with asyncio.timeout(GUARD_S):
            await stage.look(browser, 10_000)
        assert browser.rows == rows_of(view)
