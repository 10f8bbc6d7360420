"""At which instants a trigger fires: its automation, read against the time since which it is switched on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from flyte_schemas import cron
from flyte_schemas.trigger import ArtifactArrival, Automation, CronSchedule, RateSchedule

MADE_UP_WITHIN = timedelta(hours=1)
"""What was missed within this time is made up; of what is older, only the latest."""
MADE_UP_MOST = 100
"""How many missed instants are made up at a time, the latest."""
PASSED_OVER_MOST = 1_000
"""How many instants that are not made up are told of at a time."""
_WINDOWS = tuple(map(timedelta, (1, 32, 366, 3660)))


def complaint(automation: Automation) -> str | None:
    """Why nothing can be fired by this; None when it can."""
    match automation:
        case CronSchedule(expression=expression, timezone=timezone):
            try:
                cron.parse(expression)
                cron.zone_of(timezone)
            except ValueError as error:
                return str(error)
        case RateSchedule(interval_minutes=0):
            return "an interval of 0 minutes would fire without end"
        case ArtifactArrival(name=name):
            return f"it waits for the artifact {name!r}, and artifacts are not supported"
        case _:
            pass
    return None


def next_instant(automation: Automation, since: datetime, after: datetime) -> datetime | None:
    """The first instant after `after` (and after `since`), in UTC; None: there is none."""
    after = max(since, after)
    match automation:
        case CronSchedule(expression=text, timezone=timezone):
            expression = cron.parse(text)
            if isinstance(expression, timedelta):
                return _at_rate(expression, _whole_second(since) + expression, after)
            return cron.next_after(expression, cron.zone_of(timezone), after)
        case RateSchedule(interval_minutes=minutes, start_time=start):
            interval = timedelta(minutes=minutes)
            begin = _whole_second(since) + interval if start is None else in_utc(start)
            return _at_rate(interval, begin, after)
        case ArtifactArrival():
            return None


def due(
    automation: Automation, since: datetime, now: datetime, done: datetime | None = None
) -> list[datetime]:
    """The instants up to `now` that are to be fired, in order: all since `done`, as far as they are made up.

    Without `done` nobody knows which were fired: those that are made up, if they were missed.
    """
    begin = max(since, done or since)
    recent = _between(automation, since, max(begin, now - MADE_UP_WITHIN), now)
    for window in _WINDOWS:
        if recent or now - MADE_UP_WITHIN <= begin:
            break
        recent = _between(automation, since, max(begin, now - window), now)[-1:]
    return recent[-MADE_UP_MOST:]


def passed_over(
    automation: Automation, since: datetime, done: datetime, first: datetime
) -> Iterator[datetime]:
    """The instants after `done` and before `first`, the first that is made up; `PASSED_OVER_MOST` at most."""
    missed = _instants(automation, since, max(since, done), first)
    return islice((instant for instant in missed if instant != first), PASSED_OVER_MOST)


def in_utc(time: datetime) -> datetime:
    """A time without a zone is one in UTC."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _between(automation: Automation, since: datetime, after: datetime, upto: datetime) -> list[datetime]:
    return list(_instants(automation, since, after, upto))


def _instants(automation: Automation, since: datetime, after: datetime, upto: datetime) -> Iterator[datetime]:
    instant = next_instant(automation, since, after)
    while instant is not None and instant <= upto:
        yield instant
        instant = next_instant(automation, since, instant)


def _at_rate(interval: timedelta, begin: datetime, after: datetime) -> datetime:
    """The first of `begin`, `begin + interval`, … after `after`."""
    return begin if after < begin else begin + ((after - begin) // interval + 1) * interval


def _whole_second(time: datetime) -> datetime:
    return in_utc(time).replace(microsecond=0)
