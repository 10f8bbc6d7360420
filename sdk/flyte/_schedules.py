"""When a trigger fires: by the clock, at a rate, or when an artifact arrives."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flyte_schemas.trigger import ArtifactArrival, CronSchedule, RateSchedule


@dataclass(frozen=True, slots=True)
class Cron:
    """Fires when `expression` says: minute, hour, day, month, weekday; or `@daily` and its like.

    Raises TypeError, and ValueError for an expression or a time zone that does not exist.
    """

    expression: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        _check_cron(self.expression)
        _check_timezone(self.timezone)

    @property
    def timezone_expression(self) -> str:
        """The expression with its time zone in front, as cron programs read it."""
        return f"CRON_TZ={self.timezone} {self.expression}"

    def __str__(self) -> str:
        return f"{self.expression} ({self.timezone})"

    def to_wire(self) -> "CronSchedule":
        from flyte_schemas.trigger import CronSchedule

        return CronSchedule(expression=self.expression, timezone=self.timezone)


@dataclass(frozen=True, slots=True)
class FixedRate:
    """Fires every `interval_minutes`, from `start_time` on; without one, counted from when it is switched on.

    A `start_time` without a zone is one in UTC. Raises TypeError and ValueError.
    """

    interval_minutes: int
    start_time: datetime | None = None

    def __post_init__(self) -> None:
        if isinstance(self.interval_minutes, bool) or not isinstance(self.interval_minutes, int):
            raise TypeError(f"interval_minutes must be a whole number, not {self.interval_minutes!r}")
        if self.interval_minutes < 1:
            raise ValueError(f"interval_minutes must be at least 1, got {self.interval_minutes}")
        if self.start_time is not None and not isinstance(self.start_time, datetime):
            raise TypeError(f"start_time must be a datetime, not {self.start_time!r}")

    def __str__(self) -> str:
        return f"every {self.interval_minutes} min"

    def to_wire(self) -> "RateSchedule":
        from flyte_schemas.trigger import RateSchedule

        return RateSchedule(interval_minutes=self.interval_minutes, start_time=self.start_time)


@dataclass(frozen=True, slots=True)
class OnArtifact:
    """Fires when a version of the artifact `name` arrives; only for `version`, when that is given."""

    name: str
    version: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"an artifact is named by a string, not {self.name!r}")

    def __str__(self) -> str:
        return f"artifact {self.name}" + (f":{self.version}" if self.version else "")

    def to_wire(self) -> "ArtifactArrival":
        from flyte_schemas.trigger import ArtifactArrival

        return ArtifactArrival(name=self.name, version=self.version)


def _check_cron(expression: object) -> None:
    if not isinstance(expression, str):
        raise TypeError(f"a cron expression is a string, not {expression!r}")
    from flyte_schemas.cron import parse

    parse(expression)


def _check_timezone(timezone: object) -> None:
    if not isinstance(timezone, str):
        raise TypeError(f"a time zone is a name like 'Europe/Berlin', not {timezone!r}")
    if timezone == "UTC":
        return
    from flyte_schemas.cron import has_zones, zone_of

    if has_zones():  # else this machine has no table of zones to look into
        zone_of(timezone)
