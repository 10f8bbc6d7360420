"""The limits of projects as they are now: what each service that keeps to them holds in memory."""

from collections.abc import Callable

from pydantic import ValidationError

from flyte_bus.facts import Facts
from flyte_bus.ports import Bus, KeyEntry
from flyte_schemas.limits import LIMITS_KEY, LimitBook, Limits, Place
from flyte_schemas.streams import SETTINGS_BUCKET

log = Facts(__name__)


class KnownLimits:
    """What `flyte update project` has set, followed; those in `listeners` are called after each change."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.listeners: list[Callable[[], None]] = []
        self._book = LimitBook()
        self._of: dict[Place, Limits] = {}

    def of(self, place: Place) -> Limits:
        """What holds for a place."""
        found = self._of.get(place)
        if found is None:
            if len(self._of) >= PLACES_KEPT:
                self._of.clear()
            found = self._of[place] = self._book.of(place)
        return found

    def limit_anybody(self, what: str) -> bool:
        """Whether there is a limit of this for any place at all."""
        return self._book.limit_anybody(what)

    async def load(self) -> None:
        """Read what is set. Raises the bus's errors."""
        entry = await self._bus.bucket(SETTINGS_BUCKET).get(LIMITS_KEY)
        if entry is not None:
            self._take(entry)

    async def follow(self) -> None:
        """Keep up with what is set, for ever."""
        async for entry in self._bus.bucket(SETTINGS_BUCKET).watch(LIMITS_KEY):
            self._take(entry)
            for listener in self.listeners:
                listener()

    def _take(self, entry: KeyEntry) -> None:
        try:
            self._book = read_limits(entry.value)
        except ValidationError as error:  # those of a newer version: what held until now holds on
            log.warning("bus.limits.unreadable", error=str(error))
        self._of.clear()


PLACES_KEPT = 10_000
"""For so many places it is remembered what holds for them."""


def read_limits(value: bytes | None) -> LimitBook:
    """The book that stands in the bucket. Raises ValidationError."""
    return LimitBook() if value is None else LimitBook.model_validate_json(value)
