"""Who follows something ends when nobody reads it any more: `flyte events -f | head -1`.

A closed pipe is noticed by whoever writes to it, and who waits for what comes may not write for hours.
"""

import asyncio
import contextlib
import io
import select
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

LOOK_S = 0.5
"""How often it is looked whether somebody still reads standard output."""


@asynccontextmanager
async def while_somebody_reads() -> AsyncGenerator[None]:
    """Raises BrokenPipeError in the block soon after standard output is a pipe that nobody reads any more."""
    reading, has_gone = asyncio.current_task(), False
    assert reading is not None

    async def look() -> None:
        nonlocal has_gone
        try:
            output = sys.stdout.fileno()
        except (io.UnsupportedOperation, ValueError):
            return
        poll = select.poll()
        poll.register(output, 0)  # an error is told without being asked for
        while not any(event & select.POLLERR for _, event in poll.poll(0)):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
        has_gone = True
        reading.cancel()

    looking = asyncio.create_task(look())
    try:
        yield
    except asyncio.CancelledError:
        if has_gone:
            reading.uncancel()
            raise BrokenPipeError from None
        raise
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
