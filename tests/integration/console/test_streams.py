"""Streams over HTTP: what a browser follows, breaks off and takes up again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest

from flyte_console.answers.actions import ActionsChanged
from flyte_console.answers.runs import RunsChanged
from flyte_console.answers.words import LinesPrinted
from flyte_console.settings import ConsoleSettings
from flyte_schemas.events import ActionQueued, ActionRequested, AttemptStarted, AttemptSucceeded
from testkit.cases.harness import GUARD_S
from testkit.console import ALIVE, ASKED, DONE, TASK, World


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as a browser's EventSource gives it."""

    event: str
    data: Any
    id: int | None


class Stream:
    """The messages of one connection; heartbeats are left out."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._content = response.content

    async def next(self) -> Message | None:
        """The next message; None when the connection has ended."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(GUARD_S):
            while line := await self._content.readline():
                text = line.decode().rstrip("\n")
                if not text and "event" in fields:
                    number = int(fields["id"]) if "id" in fields else None
                    return Message(fields["event"], orjson.loads(fields["data"]), number)
                name, _, value = text.partition(": ")
                if name:
                    fields[name] = value
        return None

    async def rest(self) -> list[Message]:
        """All that comes, up to the end."""
        found = []
        while (message := await self.next()) is not None:
            found.append(message)
        return found


@asynccontextmanager
async def followed(world: World, path: str, **headers: str) -> AsyncIterator[Stream]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with world.http.get(world.place(path), headers=names) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield Stream(response)


async def test_a_run_is_followed_to_its_end(world: World) -> None:
    async with followed(world, f"/runs/{ALIVE.run}/stream") as stream:
        first = await stream.next()
        assert first is not None
        ActionsChanged.model_validate(first.data)
        assert [row[0] for row in first.data["rows"]] == ["a0"]
        end = await world.succeed(ALIVE)
        *changes, last = await stream.rest()
    assert changes[-1].id == end
    assert (last.event, last.data) == ("end", {"as_of": end})


async def test_who_comes_back_with_the_last_id_gets_what_he_has_missed(world: World) -> None:
    async with followed(world, f"/runs/{ALIVE.run}/stream") as stream:
        first = await stream.next()
        assert first is not None
    child = ActionRequested(task=TASK, parent="a0", parent_attempt=1)
    await world.happen(ALIVE, "a1", child, ActionQueued(attempt=1, pool="process"))
    async with followed(world, f"/runs/{ALIVE.run}/stream", Last_Event_ID=str(first.id)) as stream:
        missed = await stream.next()
        assert missed is not None
        assert [row[0] for row in missed.data["rows"]] == ["a1"]
    async with followed(world, f"/runs/{ALIVE.run}/stream?after={missed.id}") as stream:
        await world.happen(ALIVE, "a1", AttemptStarted(attempt=1, worker="w"))
        more = await stream.next()
        assert more is not None
        assert [row[5] for row in more.data["rows"]] == ["running"]


async def test_what_has_settled_ends_at_once(world: World) -> None:
    async with followed(world, f"/runs/{DONE.run}/stream") as stream:
        assert [message.event for message in await stream.rest()] == ["actions", "end"]


async def test_a_run_that_nobody_has_admitted_is_followed_from_its_beginning(world: World) -> None:
    async with followed(world, f"/runs/{ASKED.run}/stream") as stream:
        await world.happen(ASKED, "a0", ActionRequested(task=TASK))
        first = await stream.next()
        assert first is not None
        assert [row[5] for row in first.data["rows"]] == ["queued"]


async def test_the_list_is_live(world: World) -> None:
    listed = await world.get("/runs")
    async with followed(world, f"/stream?after={listed['as_of']}") as stream:
        await world.happen(ASKED, "a0", ActionRequested(task=TASK))
        change = await stream.next()
        assert change is not None
        RunsChanged.model_validate(change.data)
        assert [(run["name"], run["phase"]) for run in change.data["runs"]] == [(ASKED.run, "queued")]
        end = await world.succeed(ALIVE)
        change = await stream.next()
        assert change is not None
        assert [(run["name"], run["phase"]) for run in change.data["runs"]] == [(ALIVE.run, "succeeded")]
        assert change.id == end
    await world.happen(ASKED, "a0", ActionQueued(attempt=1, pool="process"))
    async with followed(world, "/stream", Last_Event_ID=str(end)) as stream:
        change = await stream.next()
        assert change is not None
        assert [(run["name"], run["phase"]) for run in change.data["runs"]] == [
            (ASKED.run, "waiting_for_resources")
        ]


class TestFromFarBack:
    """A list is not followed from any distance."""

    @pytest.fixture
    def limits(self) -> ConsoleSettings:
        return ConsoleSettings(list_bunch_s=0.0, max_catch_up=2)

    async def test_the_list_is_loaded_anew(self, world: World) -> None:
        async with followed(world, "/stream?after=1") as stream:
            reset = await stream.next()
            assert reset is not None
            assert (reset.event, reset.id) == ("reset", (await world.get("/runs"))["as_of"])
            await world.succeed(ALIVE)
            change = await stream.next()
            assert change is not None
            assert change.event == "runs"


async def test_output_is_followed_to_its_end(world: World) -> None:
    async with followed(world, f"/runs/{ALIVE.run}/logs/stream") as stream:
        await world.print(ALIVE, "a0", "hel")
        await world.print(ALIVE, "a0", "lo\nwor")
        first = await stream.next()
        assert first is not None
        LinesPrinted.model_validate(first.data)
        assert [line["text"] for line in first.data["lines"]] == ["hello"]
    await world.print(ALIVE, "a0", "ld\nlast")
    async with followed(world, f"/runs/{ALIVE.run}/logs/stream", Last_Event_ID=str(first.id)) as stream:
        second = await stream.next()
        assert second is not None
        assert [line["text"] for line in second.data["lines"]] == ["world"]
        await world.happen(ALIVE, "a0", AttemptSucceeded(attempt=1, log_end=len("hello\nworld\nlast")))
        rest = await stream.rest()
    assert [message.event for message in rest] == ["lines", "end"]
    assert [(line["text"], line["partial"]) for line in rest[0].data["lines"]] == [("last", False)]


async def test_output_that_comes_after_the_end_is_waited_for(world: World) -> None:
    async with followed(world, f"/runs/{ALIVE.run}/logs/stream?action=a0") as stream:
        await world.happen(ALIVE, "a0", AttemptSucceeded(attempt=1, log_end=5))
        await world.print(ALIVE, "a0", "late\n")
        assert [message.event for message in await stream.rest()] == ["lines", "end"]


async def test_a_stop_ends_every_stream(world: World) -> None:
    paths = (f"/runs/{ALIVE.run}/stream", "/stream", f"/runs/{ALIVE.run}/logs/stream")
    async with (
        followed(world, paths[0]) as one,
        followed(world, paths[1]) as two,
        followed(world, paths[2]) as three,
    ):
        await one.next()
        await world.console.stop()
        assert [await stream.rest() for stream in (one, two, three)] == [[], [], []]


class TestLimits:
    """There are only so many."""

    @pytest.fixture
    def limits(self) -> ConsoleSettings:
        return ConsoleSettings(bunch_s=0.0, max_streams=1)

    async def test_one_browser_too_many_is_told_to_come_again(self, world: World) -> None:
        async with followed(world, f"/runs/{ALIVE.run}/stream"):
            path = world.place(f"/runs/{ALIVE.run}/stream")
            async with world.http.get(path) as response:
                assert response.status == 503
                assert response.headers["Retry-After"]
                assert "no more can" in (await response.json())["message"]
