"""Times that cannot be added to are refused where they enter: they would end whoever reads them."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from flyte._policies import seconds_of
from flyte_executor.core.times import retry_at
from flyte_schemas.cron import parse
from flyte_schemas.envelope import Malformed, decode, encode
from flyte_schemas.events import ActionRetried, TimerDue
from flyte_schemas.moments import EARLIEST, LATEST, LONGEST_S
from flyte_schemas.policies import Backoff, Policies
from testkit.events import action, event

RAW = orjson.loads(encode(event(action(), ActionRetried(attempt=1, reason="x", retry_at=EARLIEST))))


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", "2026-01-01T00:00:00"])
def test_an_event_of_a_time_that_is_none_everywhere_is_malformed(time: str) -> None:
    with pytest.raises(Malformed, match="time"):
        decode(orjson.dumps(RAW | {"time": time}))
    with pytest.raises(Malformed, match="retry_at"):
        decode(orjson.dumps(RAW | {"data": RAW["data"] | {"retry_at": time}}))


def test_the_bounds_themselves_can_be_added_to_and_told_in_every_zone() -> None:
    longest = timedelta(seconds=LONGEST_S)
    assert (LATEST + longest).year < 9999 and (EARLIEST - timedelta(days=1)).year == 1
    assert decode(encode(event(action(), TimerDue(at=LATEST)))).data == TimerDue(at=LATEST)


@pytest.mark.parametrize("name", ["max_runtime_s", "max_queued_s", "deadline_s"])
def test_a_policy_that_takes_longer_than_anything_can_is_none(name: str) -> None:
    assert getattr(Policies.model_validate({name: LONGEST_S}), name) == LONGEST_S
    with pytest.raises(ValueError, match="less than or equal to"):
        Policies.model_validate({name: 1e308})


def test_who_declares_one_is_told_so_in_a_sentence() -> None:
    for value in (1e12, 10**400):
        with pytest.raises(ValueError, match=r"deadline must not be longer than 1e\+11 seconds"):
            seconds_of("deadline", value)


def test_a_pause_that_grows_past_everything_ends_at_the_longest() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    steep = Backoff(base_s=1.0, factor=1e300)
    assert retry_at(steep, 50, now) == now + timedelta(seconds=LONGEST_S)
    assert retry_at(Backoff(base_s=1.0, factor=1e300, cap_s=5.0), 50, now) == now + timedelta(seconds=5)
    assert retry_at(Backoff(base_s=0.0, factor=1e300), 50, now) is None


@pytest.mark.parametrize("text", ["@every 0s", f"@every {'9' * 30}h", f"@every {'9' * 4000}s"])
def test_an_interval_is_neither_nothing_nor_for_ever(text: str) -> None:
    with pytest.raises(ValueError, match="interval is"):
        parse(text)
