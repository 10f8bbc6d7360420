"""How a task is treated when it fails or lasts: retries, the pause between them, and times."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from flyte_schemas.moments import LONGEST_S

if TYPE_CHECKING:
    from flyte_schemas.policies import Backoff as WireBackoff


Duration = int | float | timedelta
"""A time: seconds, or a timedelta."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The pause before the n-th further attempt (n from 0): `min(base * factor**n, cap)`.

    Raises ValueError for a factor below 1, and for one above 1 without a cap.
    """

    base: Duration
    factor: float = 1.0
    cap: Duration | None = None

    def __post_init__(self) -> None:
        seconds_of("base", self.base)
        if not self.factor >= 1 or math.isinf(self.factor):
            raise ValueError(f"factor must be at least 1, got {self.factor!r}")
        if self.factor > 1 and self.cap is None:
            raise ValueError("a growing pause (factor > 1) needs a cap")
        if self.cap is not None:
            seconds_of("cap", self.cap)

    def compute_delay(self, n: int) -> timedelta:
        """The pause before further attempt `n`, counted from 0."""
        base, cap = seconds_of("base", self.base), None
        if self.cap is not None:
            cap = seconds_of("cap", self.cap)
        try:
            delay = base * self.factor**n
        except OverflowError:
            delay = math.inf
        return timedelta(seconds=delay if cap is None else min(delay, cap))

    def to_wire(self) -> "WireBackoff":
        from flyte_schemas.policies import Backoff as WireBackoff

        return WireBackoff(
            base_s=seconds_of("base", self.base),
            factor=self.factor,
            cap_s=None if self.cap is None else seconds_of("cap", self.cap),
        )


@dataclass(frozen=True, slots=True)
class RetryStrategy:
    """`count` further attempts after the first. Raises TypeError and ValueError for what is no count."""

    count: int
    backoff: Backoff | None = None

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or not isinstance(self.count, int):
            raise TypeError(f"retries must be a whole number or a RetryStrategy, not {self.count!r}")
        if self.count < 0:
            raise ValueError(f"retries must not be negative, got {self.count}")
        if self.backoff is not None and not isinstance(self.backoff, Backoff):
            raise TypeError(f"backoff must be a Backoff, not {self.backoff!r}")


@dataclass(frozen=True, slots=True)
class Timeout:
    """How long an attempt may run and may wait to run, and all attempts together; 0 or None: no limit.

    Raises TypeError and ValueError for what is no time.
    """

    max_runtime: Duration | None = None
    max_queued_time: Duration | None = None
    deadline: Duration | None = None

    def __post_init__(self) -> None:
        for name in ("max_runtime", "max_queued_time", "deadline"):
            seconds_of(name, getattr(self, name) or 0)

    def seconds(self, name: str) -> float | None:
        """The limit `name` in seconds; None when there is none."""
        value = getattr(self, name)
        return seconds_of(name, value) or None if value else None


TimeoutType = Timeout | int | timedelta
"""What `timeout=` takes: a Timeout, or what one attempt may run."""


def retry_strategy(retries: object) -> RetryStrategy:
    """What `retries=` means. Raises TypeError and ValueError."""
    return retries if isinstance(retries, RetryStrategy) else RetryStrategy(retries)  # type: ignore[arg-type]


def timeout_of(timeout: object) -> Timeout:
    """What `timeout=` means. Raises TypeError and ValueError."""
    if isinstance(timeout, Timeout):
        return timeout
    if timeout is None:
        return Timeout()
    seconds_of("timeout", timeout)
    return Timeout(max_runtime=timeout)  # type: ignore[arg-type]


def seconds_of(option: str, value: object) -> float:
    """A time in seconds. Raises TypeError, and ValueError when it is negative or endless."""
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(min(value, 2 * LONGEST_S))
    else:
        raise TypeError(f"{option} must be seconds or a timedelta, not {value!r}")
    if not seconds >= 0 or math.isinf(seconds):
        raise ValueError(f"{option} must not be negative or endless, got {value!r}")
    if seconds > LONGEST_S:
        raise ValueError(f"{option} must not be longer than {LONGEST_S:g} seconds; leave it out for no limit")
    return seconds
