"""Several readings of the log as one: in the order of time what is past, as it comes what is live."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime

from flyte_bus.ports import Entry
from flyte_schemas.envelope import Malformed

_AT_ONCE = datetime.min.replace(tzinfo=UTC)


async def by_time(reads: Sequence[AsyncGenerator[Entry]]) -> AsyncGenerator[Entry]:
    """All entries of readings that end, the earliest first; each reading stays in its own order."""
    try:
        heads = {place: head for place, one in enumerate(reads) if (head := await anext(one, None))}
        while heads:
            place = min(heads, key=lambda place: (_time(heads[place]), place))
            yield heads.pop(place)
            if head := await anext(reads[place], None):
                heads[place] = head
    finally:
        for one in reads:
            await one.aclose()


async def as_they_come(follows: Sequence[AsyncGenerator[Entry]]) -> AsyncGenerator[Entry]:
    """The entries of readings that go on for ever, as they come; of each at most one is held.

    Ends with the first that ends.
    """
    waiting: dict[asyncio.Task[Entry | None], AsyncGenerator[Entry]] = {}
    try:
        for one in follows:
            waiting[asyncio.ensure_future(_next(one))] = one
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                entry = task.result()
                if entry is None:
                    return
                yield entry
                one = waiting.pop(task)
                waiting[asyncio.ensure_future(_next(one))] = one
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for one in follows:
            await one.aclose()


async def _next(follow: AsyncGenerator[Entry]) -> Entry | None:
    return await anext(follow, None)


def _time(entry: Entry) -> datetime:
    return _AT_ONCE if isinstance(entry.content, Malformed) else entry.content.time
