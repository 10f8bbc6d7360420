"""Several readings of the log as one: in the order of time what is past, as it comes what is live."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from flyte_bus.ports import Entry
from flyte_schemas.envelope import Malformed

HELD = 256
"""How many entries of a live stream are held for who reads them."""

_AT_ONCE = datetime.min.replace(tzinfo=UTC)


def by_time(reads: Sequence[AsyncGenerator[Entry]]) -> AsyncGenerator[Entry]:
    """All entries of readings that end, the earliest first; each reading stays in its own order."""
    return _merged(reads, _time)


def by_sequence(reads: Sequence[AsyncGenerator[Entry]]) -> AsyncGenerator[Entry]:
    """The same for readings of one stream, in its order."""
    return _merged(reads, lambda entry: entry.sequence)


async def _merged(
    reads: Sequence[AsyncGenerator[Entry]], key: Callable[[Entry], Any]
) -> AsyncGenerator[Entry]:
    try:
        heads = {place: head for place, one in enumerate(reads) if (head := await anext(one, None))}
        while heads:
            place = min(heads, key=lambda place: (key(heads[place]), place))
            yield heads.pop(place)
            if head := await anext(reads[place], None):
                heads[place] = head
    finally:
        for one in reads:
            await one.aclose()


async def as_they_come(follows: Sequence[AsyncGenerator[Entry]]) -> AsyncGenerator[Entry]:
    """The entries of readings that go on for ever, as they come; a few are held for a slow reader.

    Ends with the first that ends, and raises what one raises.
    """
    coming: asyncio.Queue[Entry | None] = asyncio.Queue(HELD)

    async def pump(one: AsyncGenerator[Entry]) -> None:
        async with aclosing(one):
            async for entry in one:
                await coming.put(entry)
        await coming.put(None)

    pumps = [asyncio.ensure_future(pump(one)) for one in follows]
    try:
        while (entry := await _first(coming, pumps)) is not None:
            yield entry
    finally:
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _first(
    coming: "asyncio.Queue[Entry | None]", pumps: "Sequence[asyncio.Future[None]]"
) -> Entry | None:
    """The next entry. Raises what ended a pump."""
    if not coming.empty():
        return coming.get_nowait()
    taking: asyncio.Future[Entry | None] = asyncio.ensure_future(coming.get())
    either: list[asyncio.Future[Any]] = [taking, *pumps]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if taking.done():
            return taking.result()
        for task in pumps:
            if task.done():
                task.result()
        return await taking
    finally:
        taking.cancel()


def _time(entry: Entry) -> datetime:
    return _AT_ONCE if isinstance(entry.content, Malformed) else entry.content.time
