"""One key-value bucket in memory: the last value of each key, and who watches.

A deletion or an expiry is a revision too, without a value; so a writer who still expects the revision of
the lost value is in conflict.
"""

import asyncio
import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from flyte_bus.errors import Conflict
from flyte_bus.matching import matches
from flyte_bus.memory.signal import Signal
from flyte_bus.ports import KeyEntry


@dataclass(slots=True, eq=False)
class Watch:
    """One watcher's pattern, and the entries that he has yet to see."""

    keys: str
    unseen: deque[KeyEntry] = field(default_factory=deque)
    changed: Signal = field(default_factory=Signal)


class MemoryBucket:
    """The keys of one bucket. Expiries are noticed whenever somebody looks (`expire`), and, once a watcher
    has asked for it (`arm`), when they are due.
    """

    def __init__(self, clock: Callable[[], float], *, tells_expired: bool = True) -> None:
        self._clock = clock
        self._tells_expired = tells_expired
        self._revision = 0
        self._entries: dict[str, KeyEntry] = {}
        self._expiries: list[tuple[float, int, str]] = []
        self._watches: list[Watch] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = math.inf

    def get(self, key: str) -> KeyEntry | None:
        self.expire()
        entry = self._entries.get(key)
        return None if entry is None or entry.value is None else entry

    def put(self, key: str, value: bytes | None, ttl_s: int | None = None) -> int:
        """Write (None: delete) and return the revision."""
        self.expire()
        return self._write(key, value, ttl_s)

    def create(self, key: str, value: bytes, ttl_s: int | None) -> int:
        """Write a key that has no value now. Raises Conflict."""
        if self.get(key) is not None:
            raise Conflict(key, 0)
        return self._write(key, value, ttl_s)

    def update(self, key: str, value: bytes, revision: int, ttl_s: int | None) -> int:
        """Write if `revision` is the key's last. Raises Conflict."""
        self.expire()
        last = self._entries.get(key)
        if revision != (0 if last is None else last.revision):
            raise Conflict(key, revision)
        return self._write(key, value, ttl_s)

    def expire(self) -> None:
        """Let every key go whose time is over."""
        now = self._clock()
        while self._expiries and self._expiries[0][0] <= now:
            _, revision, key = heapq.heappop(self._expiries)
            if not self._is_due(revision, key):
                continue
            if self._tells_expired:
                self._write(key, None, None)
            else:
                del self._entries[key]

    def arm(self) -> None:
        """See to it that watchers hear of the next expiry. One timer does for all of them, and a key that is
        renewed before it goes off moves it only then.
        """
        while self._expiries and not self._is_due(*self._expiries[0][1:]):
            heapq.heappop(self._expiries)  # it was written again since
        if self._expiries and self._expiries[0][0] < self._alarm_at:
            self._disarm()
            self._alarm_at = self._expiries[0][0]
            delay_s = max(self._alarm_at - self._clock(), 0.0)
            self._alarm = asyncio.get_running_loop().call_later(delay_s, self._go_off)

    def wake(self) -> None:
        """Make all watchers look again."""
        for watch in self._watches:
            watch.changed.ring()

    def watch(self, keys: str) -> Watch:
        """A new watcher, who has yet to see all keys that exist now."""
        self.expire()
        there = (entry for entry in self._entries.values() if entry.value is not None)
        watch = Watch(keys, deque(entry for entry in there if matches(keys, entry.key)))
        self._watches.append(watch)
        return watch

    def unwatch(self, watch: Watch) -> None:
        self._watches.remove(watch)
        if not self._watches:
            self._disarm()

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._alarm_at = None, math.inf

    def _is_due(self, revision: int, key: str) -> bool:
        entry = self._entries.get(key)
        return entry is not None and entry.revision == revision

    def _go_off(self) -> None:
        self._disarm()
        self.expire()
        self.arm()

    def _write(self, key: str, value: bytes | None, ttl_s: int | None) -> int:
        self._revision += 1
        entry = KeyEntry(key, value, self._revision)
        self._entries.pop(key, None)  # a key that is written again moves to the end
        self._entries[key] = entry
        if ttl_s is not None:
            heapq.heappush(self._expiries, (self._clock() + ttl_s, entry.revision, key))
        for watch in self._watches:
            if matches(watch.keys, key):
                watch.unseen.append(entry)
                watch.changed.ring()
        return entry.revision
