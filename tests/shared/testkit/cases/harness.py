"""What a contract suite needs of an adapter's test: a bus, and hands on the server behind it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Protocol, TypeVar, cast

from flyte_bus.ports import Bus
from flyte_schemas.streams import StreamSpec

ItemT = TypeVar("ItemT")

GUARD_S = 30.0
"""A wait that takes longer than this will never end."""


class BusHarness(Protocol):
    """One control plane of its own for one test, provisioned and running."""

    bus: Bus

    async def connect(self, *, patience_s: float = 60.0) -> Bus:
        """Another connection; the harness closes it."""
        ...

    async def publish_raw(self, subject: str, raw: bytes) -> None:
        """Put bytes into the stream that holds `subject`."""
        ...

    async def stop(self) -> None:
        """Take the server away at once, without a word to anybody."""
        ...

    async def start(self) -> None:
        """Bring it back with all that it had stored."""
        ...

    async def define(self, stream: StreamSpec) -> None:
        """Give a stream another specification, as an older or newer release might have left it."""
        ...

    async def max_age_s(self, stream: StreamSpec) -> int | None:
        """The age limit that the server applies to a stream, in seconds."""
        ...


async def take(items: AsyncIterator[ItemT], count: int) -> list[ItemT]:
    """The next `count` items; then the iterator is closed."""
    taken: list[ItemT] = []
    async with asyncio.timeout(GUARD_S), aclosing(cast("AsyncGenerator[ItemT]", items)):
        async for item in items:
            taken.append(item)
            if len(taken) == count:
                break
    return taken


async def exhaust(items: AsyncIterator[ItemT]) -> list[ItemT]:
    """All items of an iterator that ends."""
    async with asyncio.timeout(GUARD_S):
        return [item async for item in items]


async def until(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds."""
    async with asyncio.timeout(GUARD_S):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def gathering(items: AsyncIterator[ItemT]) -> AsyncIterator[list[ItemT]]:
    """A list that grows in the background with what the iterator gives; at the end the iterator is closed."""
    gathered: list[ItemT] = []

    async def gather() -> None:
        async with aclosing(cast("AsyncGenerator[ItemT]", items)):
            async for item in items:
                gathered.append(item)

    task = asyncio.create_task(gather())
    try:
        yield gathered
    finally:
        if not task.done():
            task.cancel()
        (error,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(error, Exception):
            raise error
