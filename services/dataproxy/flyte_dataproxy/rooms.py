"""Holds projects to the bytes that they may keep: an upload that does not fit any more gets no location.

The store is listed once for each place that has a limit, and now and then again; between two counts what is
promised is added, and what is removed taken off. So a restart loses nothing but what was promised and has not
arrived. Of what another dataproxy promises, this one learns with its next count.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from flyte_bus.errors import Refusal
from flyte_bus.known_limits import KnownLimits
from flyte_bus.meter import Meter
from flyte_dataproxy.core.keys import ArtifactKey
from flyte_dataproxy.core.room import PlaceRoom
from flyte_dataproxy.measures import uploads_over_limit
from flyte_dataproxy.store.port import ArtifactKeep
from flyte_schemas.limits import Place, no_room


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """The room of each place. `clock`: seconds since the epoch; `url_ttl_s`: how long a location is good."""

    keep: ArtifactKeep
    limits: KnownLimits
    clock: Callable[[], float]
    meter: Meter
    url_ttl_s: float
    _rooms: defaultdict[Place, PlaceRoom] = field(default_factory=lambda: defaultdict(PlaceRoom))
    _locks: defaultdict[Place, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    def __post_init__(self) -> None:
        uploads_over_limit(self.meter)  # it is shown before anything is counted

    async def take(self, key: ArtifactKey, size_bytes: int) -> None:
        """Promise an object its room.

        Raises Refusal, code `ArtifactLimitExceeded`, and what the store raises.
        """
        place = Place(key.project, key.domain)
        limit = self.limits.of(place).artifact_bytes
        if not limit:
            return
        async with self._locks[place]:
            room = self._rooms[place]
            if room.is_due(self.clock()):
                await self._count(place, room)
            if room.use(key.md5) + size_bytes > limit and not room.is_fresh(self.clock()):
                await self._count(place, room)
            if (use := room.use(key.md5)) + size_bytes > limit:
                uploads_over_limit(self.meter).add()
                raise Refusal(no_room(place, size_bytes, use, limit))
            room.promise(key.md5, size_bytes, self.clock() + self.url_ttl_s)

    async def stored(self, place: Place) -> int:
        """Bytes that are kept or promised. Raises what the store raises."""
        async with self._locks[place]:
            room = self._rooms[place]
            if not room.is_fresh(self.clock()):
                await self._count(place, room)
            return room.use()

    def removed(self, key: ArtifactKey, size_bytes: int) -> None:
        """An object is gone."""
        place = Place(key.project, key.domain)
        if place in self._rooms:
            self._rooms[place].removed(size_bytes)

    async def _count(self, place: Place, room: PlaceRoom) -> None:
        began, prefix, found = self.clock(), f"{place.project}/{place.domain}/", dict[str, int]()
        async for kept in self.keep.kept(prefix):
            if not kept.key.path.startswith(prefix):
                break
            found[kept.key.md5] = kept.size_bytes
        room.count(found, began, self.clock())
