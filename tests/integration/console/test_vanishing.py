"""Browsers that vanish, in whatever they were doing, leave nothing behind in the console.

On the event loop that services run on, whose timers are not as exact as the standard library's.
"""

import asyncio
import gc
import socket
import struct
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from flyte_bus import event_loop
from flyte_console.changes import PlaceView
from flyte_console.core.asks import Ask
from flyte_console.settings import ConsoleSettings
from flyte_console.views import RunView
from testkit.console import ALIVE, ASKED, DOMAIN, DONE, PROJECT, World, world_in

LIMITS = ConsoleSettings(
    bunch_s=0.0, list_bunch_s=0.0, heartbeat_s=0.05, ask_patience_s=5.0, linger_s=0.02, last_look_s=0.02
)
WARM, ROUNDS = 3, 20
CONNECTIONS_TO_STORE = Counter(descriptors=12, tasks=6, BaseRequest=6, StreamResponse=6)
"""What up to six of them, one for each download of a round, hold at both ends while they are kept for more.

Less than what would be left behind once a round.
"""
COUNTED = (web.BaseRequest, web.StreamResponse, PlaceView, RunView, Ask)
"""What one of each browser's may still be there, and must not pile up."""
PLACE = f"/api/v1/projects/{PROJECT}/domains/{DOMAIN}"
STREAMS = (
    f"{PLACE}/stream",
    f"{PLACE}/runs/{ALIVE.run}/stream",
    f"{PLACE}/runs/{DONE.run}/stream",
    f"{PLACE}/runs/{ALIVE.run}/logs/stream",
    f"{PLACE}/runs/{ASKED.run}/stream",
    f"{PLACE}/runs/rnobody/stream",
)

Leave = Callable[[asyncio.StreamWriter], None]


def by_reset(writer: asyncio.StreamWriter) -> None:
    """The machine has gone: what is sent to it is answered by a reset."""
    known: socket.socket = writer.get_extra_info("socket")
    known.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def by_half(writer: asyncio.StreamWriter) -> None:
    """It will say nothing more, and then goes."""
    with suppress(OSError):
        writer.write_eof()
    writer.close()


LEAVES: tuple[Leave, ...] = (by_reset, by_half, asyncio.StreamWriter.close)


class Browsers:
    """What browsers do at a console until they vanish."""

    def __init__(self, world: World, token: str) -> None:
        self.port = world.console.port
        self.head = f"Host: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {token}\r\n"
        self.object = f"{PLACE}/runs/{DONE.run}/actions/a0/object?uri={world.uri}"

    async def round(self, number: int) -> None:
        """One browser of each kind, each of which vanishes in each way."""
        elsewhere = f"/api/v1/projects/p{number}/domains/d/stream"
        kinds: list[Coroutine[Any, Any, None]] = []
        for leave in LEAVES:
            kinds += [self._asks(path, leave, reads=1) for path in (*STREAMS, elsewhere, self.object)]
            kinds += [self._asks(path, leave, reads=0) for path in (*STREAMS, f"{PLACE}/runs", self.object)]
            kinds += [
                self._asks("/api/v1/about", leave, reads=1, more="Connection: Upgrade\r\nUpgrade: websocket"),
                self._asks("/api/v1/session", leave, method="POST", more="Content-Length: 50"),
                self._asks("/api/v1/session", leave, method="POST", more="Transfer-Encoding: chunked"),
                self._says(f"GET {PLACE}/runs HTTP/1.1\r\nHost: 127", leave),
                self._says("", leave),
                self._comes_again(leave),
            ]
        await asyncio.gather(*kinds)

    async def _asks(
        self, path: str, leave: Leave, *, reads: int = 0, method: str = "GET", more: str = "X: y"
    ) -> None:
        """Ask once, read nothing or the beginning, and go."""
        await self._says(f"{method} {path} HTTP/1.1\r\n{self.head}{more}\r\n\r\n", leave, reads)

    async def _says(self, said: str, leave: Leave, reads: int = 0) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(said.encode())
        if reads:
            assert await reader.read(10)
        else:
            await writer.drain()
        leave(writer)

    async def _comes_again(self, leave: Leave) -> None:
        """Ask three times on one connection, which stays open for more, and go."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for _ in range(3):
            writer.write(f"HEAD /api/v1/about HTTP/1.1\r\n{self.head}\r\n".encode())
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        leave(writer)


def held(world: World) -> Counter[str]:
    """What the console, and all that is in this process with it, holds open."""
    return Counter(
        {
            "tasks": len(asyncio.all_tasks()),
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "runs followed": world.console.views.following,
            "lists followed": world.console.places.following,
        }
    )


def kept() -> Counter[str]:
    """Which objects are there of those that each browser has one of."""
    gc.collect()
    return Counter(kind.__name__ for one in gc.get_objects() for kind in COUNTED if isinstance(one, kind))


async def settled(count: Callable[[], Counter[str]], warm: Counter[str], looks: int) -> Counter[str]:
    """What is counted when connections have had the time to end: more than `warm` only if at each look."""
    for _ in range(looks):
        if not count() - warm:
            break
        await asyncio.sleep(0.02)
    return count()


async def gained_by_vanishing(folder: Path, rounds: int, looks: int = 200) -> Counter[str]:
    """What the console holds more after so many rounds than after the first ones."""
    async with world_in(folder, LIMITS) as world:
        browsers = Browsers(world, await world.token())
        before = held(world) + CONNECTIONS_TO_STORE
        for number in range(WARM):
            await browsers.round(number)
        warm = (await settled(lambda: held(world), before, looks) | before) + kept()
        for number in range(rounds):
            await browsers.round(WARM + number)
        return await settled(lambda: held(world) + kept(), warm, looks) - warm


def test_browsers_that_vanish_leave_nothing_behind(tmp_path: Path) -> None:
    assert event_loop.run(gained_by_vanishing(tmp_path, ROUNDS)) == {}


def test_a_leak_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flyte_console.changes.PlaceViews._forget", lambda *_: None)
    gained = event_loop.run(gained_by_vanishing(tmp_path, 2, looks=10))
    assert gained["lists followed"] and gained["PlaceView"] and gained["tasks"], gained
