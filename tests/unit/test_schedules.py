"""When triggers fire: over years of real time zones, at rates, and after a time in which nobody looked."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from flyte_schemas import cron, schedules
from flyte_schemas.trigger import ArtifactArrival, CronSchedule, RateSchedule

QUARTER = timedelta(minutes=15)
EXPRESSIONS = (
    "*/30 * * 3,10-12 *",
    "30 2 * * *",
    "0 */2 * * *",
    "15 0 1,15 * MON",
    "45 1-3 * 3,10 *",
    "0 0 * * 0",
)
YEARS = (
    ("Europe/Berlin", 2026),
    ("America/New_York", 2025),
    ("Australia/Lord_Howe", 2026),  # half an hour
    ("Africa/Casablanca", 2026),  # around Ramadan
    ("America/Santiago", 2026),  # at midnight
    ("Pacific/Apia", 2011),  # a whole day was skipped
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def walls_of(zone: str, year: int) -> list[tuple[datetime, datetime, bool]]:
    """Each quarter of an hour of a year, what a clock on the wall shows then, and whether it does again."""
    moment, found = datetime(year - 1, 12, 31, 23, 45, tzinfo=UTC), []
    while moment.year <= year:
        wall = moment.astimezone(ZoneInfo(zone))
        found.append((moment, wall.replace(tzinfo=None), bool(wall.fold)))
        moment += QUARTER
    return found


def told_by_the_clock(text: str, walls: list[tuple[datetime, datetime, bool]]) -> list[datetime]:
    """The same rules, found by looking at the clock on the wall each quarter of an hour."""
    expression = cron.parse(text)
    assert isinstance(expression, cron.Expression)

    def says(wall: datetime) -> bool:
        return (
            wall.minute in expression.minutes
            and wall.hour in expression.hours
            and expression.matches(wall.date())
        )

    found = set()
    for (_, before, _), (moment, plain, again) in pairwise(walls):
        if says(plain) and (not again or len(expression.hours) == 24):
            found.add(moment)
        for number in range(1, (plain - before) // QUARTER):  # skipped: counted on by the old clock
            if says(before + number * QUARTER):
                found.add(moment + (number - 1) * QUARTER)
    return sorted(found)


@pytest.mark.parametrize(("zone", "year"), YEARS)
def test_over_a_year_it_fires_as_the_clock_on_the_wall_says(zone: str, year: int) -> None:
    walls = walls_of(zone, year)
    since = datetime(year, 1, 1, tzinfo=UTC) - timedelta(seconds=1)
    for text in EXPRESSIONS:
        schedule, found = CronSchedule(expression=text, timezone=zone), [since]
        while (instant := schedules.next_instant(schedule, since, found[-1])) and instant.year == year:
            found.append(instant)
        assert found[1:] == told_by_the_clock(text, walls), text


@pytest.mark.parametrize(
    ("text", "after", "first", "second"),
    [
        # Berlin, 29 March 2026: after 01:59 comes 03:00.
        ("30 2 * * *", "2026-03-29T00:00+01:00", "2026-03-29T03:30+02:00", "2026-03-30T02:30+02:00"),
        ("30 2,3 29 3 *", "2026-03-29T00:00+01:00", "2026-03-29T03:30+02:00", "2027-03-29T02:30+02:00"),
        ("0 * * * *", "2026-03-29T01:30+01:00", "2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"),
        # 25 October 2026: after 02:59 comes 02:00 once more.
        ("30 2 * * *", "2026-10-25T00:00+02:00", "2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"),
        ("30 * * * *", "2026-10-25T02:00+02:00", "2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"),
        ("30 2 25 10 *", "2026-10-25T02:10+01:00", "2027-10-25T02:30+02:00", "2028-10-25T02:30+02:00"),
        ("0 0 29 2 *", "2096-03-01T00:00+01:00", "2104-02-29T00:00+01:00", "2108-02-29T00:00+01:00"),
    ],
)
def test_when_the_clock_jumps(text: str, after: str, first: str, second: str) -> None:
    schedule = CronSchedule(expression=text, timezone="Europe/Berlin")
    found = schedules.next_instant(schedule, at(after), at(after))
    assert found == at(first)
    assert schedules.next_instant(schedule, at(after), found) == at(second)


def test_what_can_never_fire_is_no_schedule() -> None:
    with pytest.raises(ValueError, match="never fire"):
        cron.parse("0 0 31 2 *")
    with pytest.raises(ValueError, match="interval is 0"):
        cron.parse("@every 0s")
    assert schedules.complaint(CronSchedule(expression="61 * * * *")) is not None
    zone = schedules.complaint(CronSchedule(expression="@daily", timezone="Middle/Earth"))
    assert zone == "there is no time zone 'Middle/Earth': use a name like 'Europe/Berlin'"
    assert "0 minutes" in str(schedules.complaint(RateSchedule(interval_minutes=0)))
    assert "artifacts are not supported" in str(schedules.complaint(ArtifactArrival(name="table")))
    assert schedules.complaint(RateSchedule(interval_minutes=5)) is None
    assert (
        schedules.next_instant(ArtifactArrival(name="x"), at("2026-01-01T00:00Z"), at("2026-01-01T00:00Z"))
        is None
    )


def test_a_rate_counts_from_its_start_or_from_when_it_was_switched_on() -> None:
    since = at("2026-01-01T00:00:30.5Z")
    every = RateSchedule(interval_minutes=10)
    assert schedules.next_instant(every, since, since) == at("2026-01-01T00:10:30Z")
    assert schedules.next_instant(every, since, at("2026-01-01T00:10:30Z")) == at("2026-01-01T00:20:30Z")
    began = RateSchedule(interval_minutes=10, start_time=datetime(2025, 12, 31, 0, 5))
    assert schedules.next_instant(began, since, since) == at("2026-01-01T00:05Z")
    will_begin = RateSchedule(interval_minutes=10, start_time=at("2026-02-01T12:00+01:00"))
    assert schedules.next_instant(will_begin, since, since) == at("2026-02-01T11:00Z")
    seconds = CronSchedule(expression="@every 1m30s")
    assert schedules.next_instant(seconds, since, since) == at("2026-01-01T00:02:00Z")


HOURLY, DAILY = CronSchedule(expression="@hourly"), CronSchedule(expression="0 3 * * *")
LONG_AGO, NOW = at("2025-01-01T00:00Z"), at("2026-06-01T12:10Z")


@pytest.mark.parametrize(
    ("schedule", "since", "done", "wanted"),
    [
        (DAILY, LONG_AGO, None, ["2026-06-01T03:00Z"]),  # of what is older than an hour, the latest
        (DAILY, LONG_AGO, "2026-06-01T03:00Z", []),
        (DAILY, "2026-06-01T04:00Z", None, []),  # nothing before it was switched on
        (DAILY, LONG_AGO, "2026-05-20T03:00Z", ["2026-06-01T03:00Z"]),
        (CronSchedule(expression="0 0 1 1 *"), LONG_AGO, None, ["2026-01-01T00:00Z"]),
        (HOURLY, LONG_AGO, None, ["2026-06-01T12:00Z"]),
        (CronSchedule(expression="*/20 * * * *"), LONG_AGO, None,
         ["2026-06-01T11:20Z", "2026-06-01T11:40Z", "2026-06-01T12:00Z"]),
        (CronSchedule(expression="*/20 * * * *"), LONG_AGO, "2026-06-01T11:45Z", ["2026-06-01T12:00Z"]),
    ],
)  # fmt: skip
def test_what_is_made_up(
    schedule: CronSchedule, since: datetime | str, done: str | None, wanted: list[str]
) -> None:
    begin = at(since) if isinstance(since, str) else since
    found = schedules.due(schedule, begin, NOW, None if done is None else at(done))
    assert found == [at(each) for each in wanted]


def test_not_more_is_made_up_than_the_limit() -> None:
    found = schedules.due(CronSchedule(expression="@every 1s"), LONG_AGO, NOW)
    assert len(found) == schedules.MADE_UP_MOST
    assert found[-1] == NOW


def test_what_is_not_made_up_is_told_of_up_to_a_limit() -> None:
    each_minute = CronSchedule(expression="* * * * *")
    done = NOW - timedelta(hours=3)
    first = schedules.due(each_minute, LONG_AGO, NOW, done)[0]
    missed = list(schedules.passed_over(each_minute, LONG_AGO, done, first))
    assert (missed[0], missed[-1]) == (
        schedules.next_instant(each_minute, done, done),
        first - timedelta(minutes=1),
    )
    assert len(missed) == 120
    assert not list(schedules.passed_over(each_minute, LONG_AGO, missed[-1], first))
    many = schedules.passed_over(each_minute, LONG_AGO, LONG_AGO, first)
    assert len(list(many)) == schedules.PASSED_OVER_MOST


@pytest.mark.parametrize("time", ["9998-01-01T00:00:00", "0001-01-01T00:00:00", "9998-01-01T00:00:00Z"])
def test_a_rate_does_not_begin_at_a_time_that_nothing_can_be_added_to(time: str) -> None:
    with pytest.raises(ValidationError):
        RateSchedule.model_validate({"interval_minutes": 5, "start_time": time})


def test_an_expression_is_short() -> None:
    with pytest.raises(ValidationError):
        CronSchedule(expression="*," * 1_000 + "* * * * *")
