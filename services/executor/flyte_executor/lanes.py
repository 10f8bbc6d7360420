"""Lanes: of each project and domain so many things happen at a time, whatever happens of others.

Without them a thousand children that one project asks for at once would all be decided upon before the one
action of another project that was asked for right after them.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from flyte_schemas.limits import Place


@dataclass(slots=True)
class _Lane:
    inside: int = 0
    waiting: "deque[asyncio.Future[None]]" = field(default_factory=deque)


class Lanes:
    """At most `width` are inside for one place; who waits is let in in the order in which they came."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._lanes: dict[Place, _Lane] = {}

    @asynccontextmanager
    async def inside(self, place: Place) -> AsyncIterator[None]:
        """The block is one of those that happen at a time."""
        lane = self._lanes.setdefault(place, _Lane())
        if lane.inside >= self._width:
            turn = asyncio.get_running_loop().create_future()
            lane.waiting.append(turn)
            try:
                await turn  # whoever leaves hands his place over
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._leave(place, lane)
                raise
        else:
            lane.inside += 1
        try:
            yield
        finally:
            self._leave(place, lane)

    def _leave(self, place: Place, lane: _Lane) -> None:
        while lane.waiting:
            turn = lane.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        lane.inside -= 1
        if not lane.inside:
            del self._lanes[place]
