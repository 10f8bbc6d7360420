"""Points in time and durations as people type them: `now - PT1H`, `2024-01-02 03:04`, `10 days`, `10m`."""

import datetime
import re

_CLOCK = re.compile(r"^(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)$")
_WORDS = re.compile(r"^(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week)s?$")
_SHORT = re.compile(r"^(\d+(?:\.\d+)?)\s*([smhdw])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_RELATIVE = re.compile(r"^(now|today)\s*(?:([+-])\s*(.+))?$", re.IGNORECASE)


class BadText(ValueError):
    """The text does not stand for a value of the type; the message says why."""


def parse_moment(text: str, now: datetime.datetime | None = None) -> datetime.datetime:
    """A point in time; without a zone it is UTC. `now` stands for the clock. Raises BadText."""
    found = _RELATIVE.match(text.strip())
    if found is None:
        return _absolute(text)
    moment = now or datetime.datetime.now(datetime.UTC)
    if found[1].lower() == "today":
        moment = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if found[2] is None:
        return moment
    distance = parse_duration(found[3])
    return moment + distance if found[2] == "+" else moment - distance


def parse_since(text: str) -> datetime.datetime:
    """So long ago (`10m`), or a point in time. Raises BadText."""
    try:
        return datetime.datetime.now(datetime.UTC) - parse_duration(text)
    except BadText:
        pass
    try:
        return parse_moment(text)
    except BadText as error:
        wanted = "expected how long ago, e.g. 10m or 2 days, or a time, e.g. 2024-01-02T03:04:05Z"
        raise BadText(wanted) from error


def parse_duration(text: str) -> datetime.timedelta:
    """`PT1H30M`, `10 days`, `10m`, `1:24` (minutes and seconds), or seconds. Raises BadText."""
    plain = text.strip()
    if found := _WORDS.match(plain):
        return datetime.timedelta(**{f"{found[2]}s": float(found[1])})
    if found := _SHORT.match(plain):
        return datetime.timedelta(**{_UNITS[found[2]]: float(found[1])})
    if found := _CLOCK.match(plain):
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds)
    try:
        return datetime.timedelta(seconds=float(plain))
    except (ValueError, OverflowError):
        pass
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(datetime.timedelta).validate_strings(plain)
    except ValidationError as error:
        raise BadText("expected a duration, e.g. PT1H30M, 10 days, 10m, 1:24 or 60 (seconds)") from error


def _absolute(text: str) -> datetime.datetime:
    from pydantic import TypeAdapter, ValidationError

    try:
        moment = TypeAdapter(datetime.datetime).validate_strings(text.strip())
    except ValidationError as error:
        raise BadText("expected a date and time, e.g. 2024-01-02T03:04:05Z, now, now - PT1H") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
