"""Cron expressions: what they may say, and at which instants they fire, in any time zone.

The clocks of a zone jump twice a year, and two rules say what becomes of an expression then. A time that is
skipped counts as it would by the clock before the jump: 02:30 fires at 03:30, once, if something else is due
there too. Of a time that comes twice the first fires; in both hours fires only what fires in every hour.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

from flyte_schemas.moments import LONGEST_S

SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FURTHEST_YEARS = 9
"""An expression that has not matched within so many years never does: the 29th of February comes in eight."""
_NEAR = timedelta(hours=25)
"""No clock ever jumped by more than a day."""
_MINUTE = timedelta(minutes=1)
_UNITS_S = {"h": 3600, "m": 60, "s": 1}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of an expression: the numbers that it takes, and names for them."""

    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()

    def numbers(self, text: str) -> frozenset[int]:
        """What a list of `*`, numbers and ranges, each with a step or not, stands for. Raises ValueError."""
        found: set[int] = set()
        for item in text.split(","):
            range_, slash, step = item.partition("/")
            if slash and not (step.isdecimal() and int(step) > 0):
                raise ValueError(f"the step {step!r} of the {self.name} is not a number above 0")
            first, last = self._bounds(range_, has_step=bool(slash))
            found |= set(range(first, last + 1, int(step) if slash else 1))
        if self.name == "weekday":
            found = {number % 7 for number in found}
        return frozenset(found)

    def _bounds(self, range_: str, *, has_step: bool) -> tuple[int, int]:
        if range_ in ("*", "?"):
            return self.first, min(self.last, 6) if self.name == "weekday" else self.last
        first, dash, last = range_.partition("-")
        begin = self._number(first)
        end = self._number(last) if dash else self.last if has_step else begin
        if begin > end and self.name == "weekday" and end == 0:
            end = 7
        if begin > end:
            raise ValueError(f"the {self.name} {range_!r} ends before it begins")
        return begin, end

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """What the five fields say. Where day and weekday are both given, either is enough, as cron has it."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    @property
    def is_hourly(self) -> bool:
        """Whether it fires in every hour of its days."""
        return len(self.hours) == 24

    def matches(self, day: date) -> bool:
        """Whether it fires on that day."""
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (by_day or by_weekday) if self.either else (by_day and by_weekday)

    def walls(self, begin: datetime) -> Iterator[datetime]:
        """The times by a clock on the wall, from `begin` on; over after `FURTHEST_YEARS` without any."""
        day, last = begin.date(), begin.date()
        while day.year - last.year <= FURTHEST_YEARS:
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if self.matches(day):
                past = begin.hour if day == begin.date() else 0
                for hour in self.hours[bisect_left(self.hours, past) :]:
                    for minute in self.minutes:
                        wall = datetime(day.year, day.month, day.day, hour, minute)
                        if wall >= begin:
                            last = day
                            yield wall
            day += timedelta(days=1)


@lru_cache(maxsize=1_000)
def parse(text: str) -> Expression | timedelta:
    """What an expression says; of `@every 1h30m` the interval.

    Raises ValueError with one sentence of what is wrong.
    """
    if every := re.fullmatch(r"@every ((?:\d+[hms])+)", text):
        parts = re.findall(r"(\d+)([hms])", every[1])
        seconds = sum(int(number) * _UNITS_S[unit] for number, unit in parts)
        if not 0 < seconds <= LONGEST_S:
            raise ValueError(f"cron expression {text!r}: the interval is {'too long' if seconds else '0'}")
        return timedelta(seconds=seconds)
    fields = SHORTHANDS.get(text, text).split()
    if len(fields) != len(_FIELDS):
        wanted = ", ".join(field.name for field in _FIELDS)
        raise ValueError(f"cron expression {text!r} has {len(fields)} fields, not 5 ({wanted})")
    try:
        numbers = [field.numbers(part) for field, part in zip(_FIELDS, fields, strict=True)]
    except ValueError as error:
        raise ValueError(f"cron expression {text!r}: {error}") from None
    expression = Expression(
        minutes=tuple(sorted(numbers[0])),
        hours=tuple(sorted(numbers[1])),
        days=numbers[2],
        months=numbers[3],
        weekdays=numbers[4],
        either=not (fields[2].startswith(("*", "?")) or fields[4].startswith(("*", "?"))),
    )
    if next(expression.walls(datetime(2000, 1, 1)), None) is None:
        raise ValueError(f"cron expression {text!r}: there is no such day, so it would never fire")
    return expression


def zone_of(name: str) -> tzinfo:
    """The time zone of this name. Raises ValueError."""
    if name == "UTC":
        return UTC
    import zoneinfo  # it takes long to load, and few tasks have a schedule

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}: use a name like 'Europe/Berlin'") from None


def has_zones() -> bool:
    """Whether this machine has a table of time zones."""
    import zoneinfo

    return bool(zoneinfo.available_timezones())


def next_after(expression: Expression, zone: tzinfo, after: datetime) -> datetime:
    """The first instant after `after` at which it fires, in UTC."""
    wall = after.astimezone(zone).replace(tzinfo=None)
    first = next(expression.walls(wall.replace(second=0, microsecond=0) + _MINUTE))
    instant = _instants(first, zone, twice=False)[0]
    if _is_steady(after, zone) and _is_steady(instant, zone):
        return instant
    found: list[datetime] = []
    limit = None
    for each in expression.walls(wall - _NEAR):
        if limit is not None and each > limit:
            break
        later = [one for one in _instants(each, zone, twice=expression.is_hourly) if one > after]
        found += later
        if later and limit is None:
            limit = each + _NEAR
    return min(found)


def _instants(wall: datetime, zone: tzinfo, *, twice: bool) -> list[datetime]:
    """When a clock on the wall shows this; where it never does, when it would have, had it not jumped."""
    before, behind = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    exists = before.astimezone(zone).replace(tzinfo=None) == wall
    return [before, behind] if twice and exists and before != behind else [before]


def _is_steady(instant: datetime, zone: tzinfo) -> bool:
    """Whether no clock jumps nearby."""
    around = (instant - _NEAR, instant + _NEAR)
    early, late = (moment.astimezone(zone).utcoffset() for moment in around)
    return early == late
