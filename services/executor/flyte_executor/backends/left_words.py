"""What agents of this machine had yet to say when they ended, delivered in their place.

It is the backend that does it, and not the zygote: it has a connection to the bus, learns of the end of a
process at once, and says that an attempt was lost only when its last word is not among these.
"""

import asyncio
from pathlib import Path

import structlog

from flyte_bus.errors import BusUnavailable, StreamFull
from flyte_bus.ports import EventLog
from flyte_bus.spool import deliver_left, left_spools
from flyte_schemas.subjects import ActionKey

log = structlog.get_logger()

DELIVER_AGAIN_S = 1.0
"""The pause before words that the bus did not take are offered again."""


class LeftWords:
    """The spools in a folder whose processes are gone. With `of` it is what the container of that action has
    left, where a task may have written what it likes: only words about it count, and no link is followed.
    """

    def __init__(self, folder: Path, events: EventLog, *, of: ActionKey | None = None) -> None:
        self._of = of
        self._folder = folder
        self._events = events
        self._delivering = asyncio.Lock()

    async def deliver(self) -> None:
        """Deliver all that is left, in order; waits for a bus that is away."""
        async with self._delivering:
            for path in self._left():
                await self._deliver(path)

    def _left(self) -> list[Path]:
        leads_out = self._of is not None and self._folder.is_symlink()
        return [] if leads_out else left_spools(self._folder)

    async def _deliver(self, path: Path) -> None:
        while True:
            try:
                count = await deliver_left(path, self._events, of=self._of)
            except (BusUnavailable, StreamFull) as error:
                log.warning("executor.spool.waits", spool=path.name, error=str(error))
                await asyncio.sleep(DELIVER_AGAIN_S)
                continue
            log.info("executor.spool.delivered", spool=path.name, words=count)
            return
