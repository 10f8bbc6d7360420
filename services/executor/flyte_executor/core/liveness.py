"""Whom to take for lost: workers that were silent for longer than their lease, while they could have spoken.

A silence counts only while the bus took what was written to it. After every interruption (an outage, the
start of this executor, a pause of it) each worker has one whole time to live in which to show itself. And
what is due here is only a suspicion: whoever acts upon it looks at the lease and the log once more.

Times are in seconds, by a clock that never jumps.
"""

import math
from dataclasses import dataclass

from flyte_schemas.subjects import ActionKey, AttemptKey

GAP = 1 / 3
"""What part of a time to live may pass between two of the executor's own writes before workers may have been
kept from writing too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A worker that may be lost with its attempt."""

    attempt: AttemptKey
    worker: str


@dataclass(slots=True, kw_only=True)
class _Watched:
    """A claimed attempt. `since` is the last sign of life, or, with `expired`, when the lease was let go;
    `revision` that of the last renewal that was heard of.
    """

    suspect: Suspect
    since: float
    revision: int = 0
    expired: bool = False

    def silent_until(self, ttl_s: float) -> float:
        """When its silence has been too long."""
        return self.since if self.expired else self.since + ttl_s


class Liveness:
    """What is known of the workers of claimed attempts."""

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._watched: dict[ActionKey, _Watched] = {}
        self._written_at: float | None = None
        self._heard_since = math.inf

    @property
    def is_watching(self) -> bool:
        """Whether any attempt is claimed."""
        return bool(self._watched)

    @property
    def watched(self) -> int:
        """How many attempts are claimed."""
        return len(self._watched)

    @property
    def held(self) -> int:
        """How many workers hold a lease, as far as is known."""
        return sum(1 for watched in self._watched.values() if watched.revision and not watched.expired)

    def claimed(self, attempt: AttemptKey, worker: str, now: float) -> None:
        """The log says that this worker has the attempt; saying it again changes nothing."""
        suspect = Suspect(attempt=attempt, worker=worker)
        known = self._watched.get(attempt.action)
        if known is None or known.suspect != suspect:
            self._watched[attempt.action] = _Watched(suspect=suspect, since=now)

    def over(self, action: ActionKey) -> None:
        """No attempt of this action is claimed any more."""
        self._watched.pop(action, None)

    def renewed(self, attempt: AttemptKey, worker: str, now: float, revision: int) -> None:
        """This worker has written its lease; what was heard already is no sign of life."""
        watched = self._watched.get(attempt.action)
        if watched is not None and watched.suspect.worker == worker and revision > watched.revision:
            watched.since, watched.expired, watched.revision = now, False, revision

    def is_news(self, attempt: AttemptKey, revision: int) -> bool:
        """Whether such a renewal is one that was not heard of so far."""
        watched = self._watched.get(attempt.action)
        return watched is None or revision > watched.revision

    def expired(self, attempt: AttemptKey, now: float) -> None:
        """The lease is gone: its holder has let it go."""
        watched = self._watched.get(attempt.action)
        if watched is not None and watched.suspect.attempt == attempt and not watched.expired:
            watched.expired, watched.since = True, now

    def heard(self, action: ActionKey, worker: str, now: float) -> None:
        """A fact of this worker stands in the log: it lives, whatever became of its lease."""
        watched = self._watched.get(action)
        if watched is not None and watched.suspect.worker == worker:
            watched.since, watched.expired = now, False

    def wrote(self, now: float) -> float:
        """The bus took a write of ours; how long it may have taken nothing before (0: it was there)."""
        gap_s = math.inf if self._written_at is None else now - self._written_at
        self._written_at = now
        if gap_s <= GAP * self._ttl_s:
            return 0.0
        self.interrupted(now)
        return gap_s

    def rests(self) -> None:
        """We write no more: from now on nobody can tell."""
        self._written_at = None

    def interrupted(self, now: float) -> None:
        """Until now somebody who lives may have been kept from speaking."""
        self._heard_since = now

    def can_tell(self, now: float) -> bool:
        """Whether the bus has taken all writes for a time to live, up to just now."""
        is_there = self._written_at is not None and now - self._written_at <= GAP * self._ttl_s
        return is_there and now >= self._heard_since + self._ttl_s

    def due(self, now: float) -> list[Suspect]:
        """Who has been silent for too long; each is named once for each silence."""
        if not self.can_tell(now):
            return []
        found = [watched for watched in self._watched.values() if self._due_at(watched) <= now]
        for watched in found:
            watched.since, watched.expired = now, False
        return [watched.suspect for watched in found]

    def next_due(self) -> float | None:
        """When somebody will have been silent for too long, if the bus is there until then; None: nobody."""
        moments = [self._due_at(watched) for watched in self._watched.values()]
        next_one = min(moments, default=math.inf)
        return None if next_one == math.inf else next_one

    def _due_at(self, watched: _Watched) -> float:
        return max(watched.silent_until(self._ttl_s), self._heard_since + self._ttl_s)
