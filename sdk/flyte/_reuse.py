"""Reusable processes: a pool of them serves the actions of an environment, one or several at a time."""

import warnings
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from flyte._policies import Duration, seconds_of

if TYPE_CHECKING:
    from flyte_schemas.policies import Reuse

Scope = Literal["global", "run"]

MIN_TTL_S = 30.0
"""The shortest time that an idle process may be kept."""


@dataclass(frozen=True, slots=True)
class ReusePolicy:
    """`replicas` processes, or those of (least, most), each with up to `concurrency` actions at a time.

    They are made when they are needed. What their modules hold is there for the next action, and for those
    beside it; an exception changes nothing of that. Async tasks share an event loop, where one that blocks
    holds up the others; plain functions have a thread each. The pool ends after `idle_ttl` without work, a
    process of which there are more than the least after `scaledown_ttl` (seconds or timedelta, at least
    30 s). `scope` is "global" (shared by runs) or "run". A local run has one process anyway. Raises TypeError
    and ValueError.
    """

    replicas: int | tuple[int, int] = 2
    idle_ttl: Duration = 30
    concurrency: int = 1
    scaledown_ttl: Duration = 30
    scope: Scope = "global"

    def __post_init__(self) -> None:
        least, most = self._range()
        for option, number, minimum in (
            ("replicas", least, 0),
            ("replicas", most, 1),
            ("concurrency", self.concurrency, 1),
        ):
            if isinstance(number, bool) or not isinstance(number, int):
                raise TypeError(f"{option} must be a whole number, not {number!r}")
            if number < minimum:
                raise ValueError(f"{option} must be at least {minimum}, got {number}")
        if least > most:
            raise ValueError(f"replicas is (least, most), got {self.replicas!r}")
        for option in ("idle_ttl", "scaledown_ttl"):
            if seconds_of(option, getattr(self, option)) < MIN_TTL_S:
                raise ValueError(f"{option} must be at least {MIN_TTL_S:g} seconds")
        if self.scope not in get_args(Scope):
            raise ValueError(f"scope is 'global' or 'run', not {self.scope!r}")
        if (most, self.concurrency) == (1, 1):
            warnings.warn(
                "ReusePolicy with one replica and concurrency 1 runs one action at a time",
                stacklevel=3,
            )

    @property
    def min_replicas(self) -> int:
        return self._range()[0]

    @property
    def max_replicas(self) -> int:
        return self._range()[1]

    def get_scaledown_ttl(self) -> timedelta:
        """How long a process without work is kept."""
        return timedelta(seconds=seconds_of("scaledown_ttl", self.scaledown_ttl))

    def to_wire(self) -> "Reuse":
        from flyte_schemas.policies import Reuse

        return Reuse(
            min_replicas=self.min_replicas,
            max_replicas=self.max_replicas,
            concurrency=self.concurrency,
            idle_ttl_s=seconds_of("idle_ttl", self.idle_ttl),
            scaledown_ttl_s=seconds_of("scaledown_ttl", self.scaledown_ttl),
            scope=self.scope,
        )

    def _range(self) -> tuple[int, int]:
        if not isinstance(self.replicas, tuple | list):
            return self.replicas, self.replicas
        if len(self.replicas) != 2:
            raise ValueError(f"replicas is a number or (least, most), not {self.replicas!r}")
        return self.replicas[0], self.replicas[1]
