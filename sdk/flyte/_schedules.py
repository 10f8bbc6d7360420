"""When a trigger fires: by the clock, at a rate, or when an artifact arrives."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flyte_schemas.trigger import ArtifactArrival, CronSchedule, RateSchedule


_SHORTHANDS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a cron expression: the numbers it takes, and names for them."""

    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()

    def check(self, text: str) -> None:
        """Raises ValueError unless `text` is a list of `*`, numbers and ranges, each with a step or not."""
        for item in text.split(","):
            range_, slash, step = item.partition("/")
            if slash and not (step.isdecimal() and int(step) > 0):
                raise ValueError(f"the step {step!r} of the {self.name} is not a number above 0")
            if range_ in ("*", "?"):
                continue
            first, dash, last = range_.partition("-")
            bounds = [self._number(first), self._number(last if dash else first)]
            if bounds[0] > bounds[1] and not (self.name == "weekday" and bounds[1] == 0):
                raise ValueError(f"the {self.name} {range_!r} ends before it begins")

    def _number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.first
        if not text.isdecimal() or not self.first <= int(text) <= self.last:
            raise ValueError(f"the {self.name} {text!r} is not from {self.first} to {self.last}")
        return int(text)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _DAYS),
)


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
    """Fires every `interval_minutes`, from `start_time` on. Raises TypeError and ValueError."""

    interval_minutes: int
    start_time: datetime | None = None

    def __post_init__(self) -> None:
        if isinstance(self.interval_minutes, bool) or not isinstance(self.interval_minutes, int):
            raise TypeError(f"interval_minutes must be a whole number, not {self.interval_minutes!r}")
        if self.interval_minutes < 0:
            raise ValueError(f"interval_minutes must not be negative, got {self.interval_minutes}")
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
    if expression in _SHORTHANDS or re.fullmatch(r"@every (\d+[hms])+", expression):
        return
    parts = expression.split()
    if len(parts) != len(_FIELDS):
        wanted = ", ".join(field.name for field in _FIELDS)
        raise ValueError(f"cron expression {expression!r} has {len(parts)} fields, not 5 ({wanted})")
    for field, part in zip(_FIELDS, parts, strict=True):
        try:
            field.check(part)
        except ValueError as error:
            raise ValueError(f"cron expression {expression!r}: {error}") from None


def _check_timezone(timezone: object) -> None:
    if not isinstance(timezone, str):
        raise TypeError(f"a time zone is a name like 'Europe/Berlin', not {timezone!r}")
    if timezone == "UTC":
        return
    import zoneinfo  # it takes long to load, and few tasks have a schedule

    try:
        zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        if zoneinfo.available_timezones():  # else this machine has no table of zones to look into
            raise ValueError(f"there is no time zone {timezone!r}: use a name like 'Europe/Berlin'") from None
