"""How much a project may keep: what is stored, what was promised, and what is given back."""

from collections.abc import AsyncIterator

import pytest

from flyte_bus.errors import Refusal
from flyte_bus.known_limits import KnownLimits
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_dataproxy.core.keys import ArtifactKey
from flyte_dataproxy.core.room import RECOUNT_S, PlaceRoom
from flyte_dataproxy.rooms import Rooms
from flyte_dataproxy.store.memory import MemoryStore
from flyte_schemas.limits import LIMITS_KEY, LimitBook, Place
from flyte_schemas.streams import SETTINGS_BUCKET

HERE = Place("robots", "development")


def key(number: int, project: str = "robots") -> ArtifactKey:
    return ArtifactKey(project=project, domain="development", md5=f"{number:032x}")


class Shelf:
    """A store, the room in it, and a clock that the test sets."""

    def __init__(self, bus: MemoryBus) -> None:
        self.now = 1000.0
        self.bus = bus
        self.store = MemoryStore(lambda: self.now)
        self.rooms = self.anew()

    def anew(self) -> Rooms:
        """What a dataproxy knows that has just begun."""
        limits = KnownLimits(self.bus)
        return Rooms(
            keep=self.store, limits=limits, clock=lambda: self.now, meter=self.bus.meter, url_ttl_s=600
        )

    async def limit(self, **limits: float) -> None:
        book = LimitBook().changed("robots", limits)
        await self.bus.bucket(SETTINGS_BUCKET).put(LIMITS_KEY, book.model_dump_json().encode())
        await self.rooms.limits.load()

    async def put(self, one: ArtifactKey, size: int) -> None:
        async with self.store.writer(one) as writer:
            await writer.write(b"x" * size)
            await writer.commit()


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        shelf = Shelf(bus)
        await shelf.limit(artifact_bytes=100)
        yield shelf


async def test_what_does_not_fit_is_refused_with_limit_use_and_what_to_do(shelf: Shelf) -> None:
    await shelf.put(key(1), 60)
    await shelf.put(key(2, "others"), 1000)
    await shelf.rooms.take(key(3), 40)
    with pytest.raises(Refusal) as refused:
        await shelf.rooms.take(key(4), 1)
    failure = refused.value.failure
    assert failure.code == "ArtifactLimitExceeded"
    assert failure.message == (
        "robots/development keeps 100 bytes of artifacts of at most 100: there is no room for 1 more"
    )
    assert "flyte gc" in failure.hint
    await shelf.rooms.take(key(4, "others"), 10**9)


async def test_an_object_that_is_asked_for_again_needs_its_room_once(shelf: Shelf) -> None:
    for _ in range(3):
        await shelf.rooms.take(key(1), 90)
    await shelf.put(key(1), 90)
    assert await shelf.rooms.stored(HERE) == 90
    shelf.now += RECOUNT_S + 1
    assert await shelf.rooms.stored(HERE) == 90


async def test_what_is_removed_gives_its_room_back_at_once(shelf: Shelf) -> None:
    await shelf.put(key(1), 100)
    with pytest.raises(Refusal):
        await shelf.rooms.take(key(2), 50)
    await shelf.store.remove(key(1))
    shelf.rooms.removed(key(1), 100)
    await shelf.rooms.take(key(2), 50)


async def test_a_promise_holds_for_as_long_as_its_location_and_no_longer(shelf: Shelf) -> None:
    await shelf.rooms.take(key(1), 100)
    shelf.now += 590.0
    with pytest.raises(Refusal):
        await shelf.rooms.take(key(2), 100)
    shelf.now += 20.0
    await shelf.rooms.take(key(2), 100)


async def test_a_dataproxy_that_begins_anew_counts_what_is_there(shelf: Shelf) -> None:
    await shelf.put(key(1), 70)
    shelf.rooms = shelf.anew()
    await shelf.rooms.limits.load()
    with pytest.raises(Refusal):
        await shelf.rooms.take(key(2), 31)
    await shelf.rooms.take(key(2), 30)


def test_a_store_that_is_slow_to_list_is_listed_less_often() -> None:
    room = PlaceRoom()
    assert room.is_due(0.0)
    room.count({}, 0.0, 5.0)
    assert not room.is_due(500.0)
    assert room.is_due(506.0)
