"""A pool that an executor has attempts for, and which of them wait for a worker."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from flyte_schemas.orders import Work
from flyte_schemas.pools import Pool
from flyte_schemas.subjects import AttemptKey


@dataclass(slots=True)
class PoolInUse:
    """A pool, and what waits for its workers, with the time since when. `most` is how many there may be."""

    pool: Pool
    most: int
    waiting: "OrderedDict[AttemptKey, tuple[Work, float]]" = field(default_factory=OrderedDict)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when something that waited was handed out, or more workers may be made."""
    grower: "asyncio.Task[None] | None" = None

    def take(self) -> Work:
        """What has waited longest."""
        _, (work, _) = self.waiting.popitem(last=False)
        self.moved.set()
        return work

    async def handed_out(self, attempt: AttemptKey, within_s: float) -> None:
        """Return when an attempt waits no more, when there may be more workers, or after that time."""
        most = self.most
        try:
            async with asyncio.timeout(within_s):
                while attempt in self.waiting and self.most <= most:
                    self.moved.clear()
                    await self.moved.wait()
        except TimeoutError:
            pass
