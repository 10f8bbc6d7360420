"""What every `EventLog` does."""

import asyncio
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from flyte_bus.errors import BusUnavailable, Conflict, TooLarge
from flyte_bus.ports import Entry
from flyte_schemas.envelope import MAX_EVENT_BYTES, AnyEvent, Event, Malformed, encode
from flyte_schemas.events import LogSegment, LogWritten, TimerDue
from flyte_schemas.streams import LOGS, RUNS, TASKS, TIMERS
from flyte_schemas.subjects import TIMERS_DUE, timer_subject
from flyte_schemas.vocabulary import UnknownData
from testkit.cases.harness import BusHarness, exhaust, gathering, take, until
from testkit.events import MORNING, RUN, action, event, numbered


def ids(entries: list[Entry]) -> list[str]:
    """The ids of events that can all be read."""
    return [entry.content.id for entry in entries if isinstance(entry.content, Event)]


def sequences(entries: list[Entry]) -> list[int]:
    return [entry.sequence for entry in entries]


def timer(number: int = 1, name: str = "a0") -> AnyEvent:
    """A timer of an action."""
    return event(timer_subject(RUN.action(name)), TimerDue(at=MORNING), id=f"timer {number}")


class EventLogCases:
    """The contract of `EventLog`: inherit it, and give a fixture `harness`."""

    # -- append -------------------------------------------------------------------------------------------

    async def test_of_ten_racing_appends_one_wins(self, harness: BusHarness) -> None:
        log = harness.bus.log
        racing = [log.append(numbered(action(), 1, id=f"racer {n}"), expected=0) for n in range(10)]
        results = await asyncio.gather(*racing, return_exceptions=True)
        assert sum(isinstance(result, Conflict) for result in results) == 9
        (winner,) = [n for n, result in enumerate(results) if isinstance(result, int)]
        assert ids(await exhaust(log.read(RUNS, action()))) == [f"racer {winner}"]

    async def test_an_append_expects_the_last_sequence_of_its_own_subject(self, harness: BusHarness) -> None:
        log = harness.bus.log
        first = await log.append(numbered(action("a0")), expected=0)
        await log.append(numbered(action("b")), expected=0)
        assert await log.append(numbered(action("a0"), 2), expected=first) > first

    async def test_expecting_nothing_where_something_is_conflicts(self, harness: BusHarness) -> None:
        log = harness.bus.log
        await log.append(numbered(action(), 1))
        with pytest.raises(Conflict) as caught:
            await log.append(numbered(action(), 2), expected=0)
        assert (caught.value.subject, caught.value.expected) == (action(), 0)
        assert len(await exhaust(log.read(RUNS, action()))) == 1

    async def test_expecting_an_old_version_conflicts(self, harness: BusHarness) -> None:
        log = harness.bus.log
        old = await log.append(numbered(action(), 1))
        await log.append(numbered(action(), 2))
        with pytest.raises(Conflict):
            await log.append(numbered(action(), 3), expected=old)

    async def test_a_copy_is_taken_as_it_is_in_its_place_only(self, harness: BusHarness) -> None:
        log, raw = harness.bus.log, b'{ "of": "another version" }'
        first = await log.append(numbered(action(), 1))
        copied = await log.copy(action(), raw, expected=first)
        assert await log.copy(action(), raw, expected=first) == copied  # the same word said again
        with pytest.raises(Conflict):
            await log.copy(action(), raw + b" ", expected=first)
        with pytest.raises(Conflict):
            await log.copy(action(), raw, expected=0)
        assert [entry.raw for entry in await exhaust(log.read(RUNS, action(), after=first))] == [raw]

    async def test_expecting_something_where_nothing_is_conflicts(self, harness: BusHarness) -> None:
        with pytest.raises(Conflict):
            await harness.bus.log.append(numbered(action()), expected=7)

    async def test_the_same_id_twice_is_written_once(self, harness: BusHarness) -> None:
        log = harness.bus.log
        first = await log.append(numbered(action()))
        assert await log.append(numbered(action())) == first
        assert await log.last_sequence(RUNS) == first

    async def test_a_repeated_append_is_no_conflict_with_itself(self, harness: BusHarness) -> None:
        log = harness.bus.log
        first = await log.append(numbered(action(), 1), expected=0)
        await log.append(numbered(action(), 2), expected=first)
        assert await log.append(numbered(action(), 1), expected=0) == first

    async def test_the_same_id_from_two_connections_is_written_once(self, harness: BusHarness) -> None:
        other = await harness.connect()
        results = await asyncio.gather(
            harness.bus.log.append(numbered(action())), other.log.append(numbered(action()))
        )
        assert len(set(results)) == 1
        assert len(await exhaust(harness.bus.log.read(RUNS, action()))) == 1

    async def test_an_id_used_on_another_subject_keeps_nobodys_event_out(self, harness: BusHarness) -> None:
        hostile, log = await harness.connect(), harness.bus.log
        taken = await hostile.log.append(numbered("flyte.run.evil.domain.run.a0", id="guessed"))
        ours = await log.append(numbered(action(), id="guessed"), expected=0)
        assert ours == await log.append(numbered(action(), id="guessed"), expected=0) > taken

    async def test_an_event_that_is_too_large_is_refused(self, harness: BusHarness) -> None:
        log = harness.bus.log
        segment = LogSegment(stream="stdout", text="x" * (MAX_EVENT_BYTES + 100_000))
        data = LogWritten(attempt=1, offset=0, size_bytes=len(segment.text), segments=(segment,))
        with pytest.raises(TooLarge):
            await log.append(event("flyte.log.project.domain.run.a0", data))
        assert await log.last_sequence(LOGS) == 0

    async def test_an_event_just_below_the_limit_is_taken(self, harness: BusHarness) -> None:
        segment = LogSegment(stream="stdout", text="x" * (MAX_EVENT_BYTES - 1_000))
        data = LogWritten(attempt=1, offset=0, size_bytes=len(segment.text), segments=(segment,))
        large = event("flyte.log.project.domain.run.a0", data)
        await harness.bus.log.append(large)
        (entry,) = await exhaust(harness.bus.log.read(LOGS, large.subject))
        assert entry.content == large

    async def test_an_append_outlasts_an_outage(self, harness: BusHarness) -> None:
        await harness.stop()
        appending = asyncio.create_task(harness.bus.log.append(numbered(action())))
        await asyncio.sleep(0.1)
        assert not appending.done()
        await harness.start()
        assert await appending == 1

    async def test_patience_ends(self, harness: BusHarness) -> None:
        hasty = await harness.connect(patience_s=0.3)
        await harness.stop()
        with pytest.raises(BusUnavailable):
            await hasty.log.append(numbered(action()))
        with pytest.raises(BusUnavailable):
            await hasty.log.last(RUNS, action())
        with pytest.raises(BusUnavailable):
            await exhaust(hasty.log.read(RUNS, action()))

    async def test_a_closed_bus_appends_nothing(self, harness: BusHarness) -> None:
        other = await harness.connect()
        await other.close()
        with pytest.raises(BusUnavailable):
            await other.log.append(numbered(action()))

    # -- append later ---------------------------------------------------------------------------------------

    async def test_a_timer_goes_off_at_its_time(self, harness: BusHarness) -> None:
        log, at = harness.bus.log, datetime.now(UTC) + timedelta(seconds=0.5)
        due = timer()
        await log.append_at(due, at=at)
        assert await log.last(TIMERS, due.subject) is None
        async with harness.bus.inbox(TIMERS, "executor", [TIMERS_DUE]) as inbox:
            (delivery,) = await take(aiter(inbox), 1)
        assert (delivery.entry.subject, delivery.entry.content) == (due.subject, due)

    async def test_a_timer_that_is_past_goes_off_at_once(self, harness: BusHarness) -> None:
        await harness.bus.log.append_at(timer(), at=datetime.now(UTC) - timedelta(days=1))
        async with harness.bus.inbox(TIMERS, "executor", [TIMERS_DUE]) as inbox:
            await take(aiter(inbox), 1)

    async def test_a_timer_set_again_goes_off_once_when_it_was_set_to_last(self, harness: BusHarness) -> None:
        log, now = harness.bus.log, datetime.now(UTC)
        await log.append_at(timer(1), at=now + timedelta(seconds=0.3))
        await log.append_at(timer(2), at=now + timedelta(seconds=0.9))
        await log.append_at(timer(3, "other"), at=now + timedelta(seconds=1.5))
        async with harness.bus.inbox(TIMERS, "executor", [TIMERS_DUE]) as inbox:
            deliveries = await take(aiter(inbox), 2)
        assert ids([delivery.entry for delivery in deliveries]) == ["timer 2", "timer 3"]

    async def test_a_timer_outlasts_an_outage(self, harness: BusHarness) -> None:
        await harness.bus.log.append_at(timer(), at=datetime.now(UTC) + timedelta(seconds=0.3))
        await harness.stop()
        await asyncio.sleep(0.6)
        await harness.start()
        async with harness.bus.inbox(TIMERS, "executor", [TIMERS_DUE]) as inbox:
            await take(aiter(inbox), 1)

    # -- read ---------------------------------------------------------------------------------------------

    async def test_an_event_is_read_as_it_was_written(self, harness: BusHarness) -> None:
        written = event(action(), numbered(action()).data, id="one", cause="another")  # type: ignore[arg-type]
        sequence = await harness.bus.log.append(written)
        (entry,) = await exhaust(harness.bus.log.read(RUNS, action()))
        assert entry == Entry(RUNS.name, action(), sequence, written, encode(written))

    async def test_what_one_connection_wrote_another_reads(self, harness: BusHarness) -> None:
        other = await harness.connect()
        await harness.bus.log.append(numbered(action()))
        assert len(await exhaust(other.log.read(RUNS, action()))) == 1

    async def test_a_read_of_nothing_ends(self, harness: BusHarness) -> None:
        assert await exhaust(harness.bus.log.read(RUNS, "flyte.run.>")) == []
        await harness.bus.log.append(numbered(action()))
        assert await exhaust(harness.bus.log.read(RUNS, action("other"))) == []
        assert await exhaust(harness.bus.log.read(RUNS, action(), after=1)) == []
        assert await exhaust(harness.bus.log.read(RUNS, action(), after=1_000)) == []

    async def test_a_read_takes_wildcards(self, harness: BusHarness) -> None:
        log = harness.bus.log
        for subject in (action("a0"), action("b"), action("a0", run="other"), action("b")):
            count = len(await exhaust(log.read(RUNS, subject)))
            await log.append(numbered(subject, count + 1))
        assert sequences(await exhaust(log.read(RUNS, "flyte.run.>"))) == [1, 2, 3, 4]
        assert sequences(await exhaust(log.read(RUNS, action("*")))) == [1, 2, 4]
        assert sequences(await exhaust(log.read(RUNS, "flyte.run.*.*.*.b"))) == [2, 4]
        assert sequences(await exhaust(log.read(RUNS, "flyte.run.project"))) == []

    async def test_a_read_begins_after_a_sequence(self, harness: BusHarness) -> None:
        log = harness.bus.log
        for number in range(1, 6):
            await log.append(numbered(action("a0" if number % 2 else "b"), number))
        assert sequences(await exhaust(log.read(RUNS, action("a0"), after=1))) == [3, 5]
        assert sequences(await exhaust(log.read(RUNS, action("*"), after=3))) == [4, 5]

    async def test_thousands_of_events_are_read_in_order(self, harness: BusHarness) -> None:
        log, count = harness.bus.log, 4_500
        for start in range(0, count, 500):
            batch = [numbered(action(f"a{n % 7}"), n + 1) for n in range(start, start + 500)]
            await asyncio.gather(*(log.append(one) for one in batch))
        assert sequences(await exhaust(log.read(RUNS, "flyte.run.>"))) == list(range(1, count + 1))
        entries = await exhaust(log.read(RUNS, action("a3")))
        assert len(entries) == len(range(3, count, 7))
        assert sequences(entries) == sorted(set(sequences(entries)))

    async def test_malformed_bytes_are_read_as_such(self, harness: BusHarness) -> None:
        log = harness.bus.log
        await harness.publish_raw(action(), b"\xff not an event")
        await log.append(numbered(action()))
        bad, good = await exhaust(log.read(RUNS, action()))
        assert isinstance(bad.content, Malformed)
        assert (bad.raw, bad.sequence, bad.subject) == (b"\xff not an event", 1, action())
        assert isinstance(good.content, Event)

    async def test_an_unknown_type_is_kept(self, harness: BusHarness) -> None:
        document = orjson.loads(encode(numbered(action())))
        raw = orjson.dumps(document | {"type": "flyte.action.dreamt.v9", "data": {"of": "sheep"}})
        await harness.publish_raw(action(), raw)
        (entry,) = await exhaust(harness.bus.log.read(RUNS, action()))
        assert isinstance(entry.content, Event)
        assert entry.content.data == UnknownData(type="flyte.action.dreamt.v9", document={"of": "sheep"})

    async def test_the_last_of_a_subject(self, harness: BusHarness) -> None:
        log = harness.bus.log
        assert await log.last(RUNS, action()) is None
        for number in (1, 2, 3):
            await log.append(numbered(action(), number))
        await log.append(numbered(action("b")))
        last = await log.last(RUNS, action())
        assert last is not None
        assert (last.sequence, ids([last])) == (3, [numbered(action(), 3).id])

    async def test_the_last_of_a_subject_may_be_malformed(self, harness: BusHarness) -> None:
        await harness.publish_raw(action(), b"{}")
        last = await harness.bus.log.last(RUNS, action())
        assert last is not None
        assert isinstance(last.content, Malformed)

    async def test_the_last_sequence_of_a_stream(self, harness: BusHarness) -> None:
        log = harness.bus.log
        assert await log.last_sequence(RUNS) == 0
        await log.append(numbered(action("a0")))
        await log.append(numbered(action("b")))
        assert await log.last_sequence(RUNS) == 2
        assert await log.last_sequence(TASKS) == 0

    async def test_the_log_survives_an_outage(self, harness: BusHarness) -> None:
        log = harness.bus.log
        for number in range(1, 21):
            await log.append(numbered(action(), number))
        await harness.stop()
        reading = asyncio.create_task(exhaust(log.read(RUNS, action())))
        await asyncio.sleep(0.1)
        await harness.start()
        assert sequences(await reading) == list(range(1, 21))

    # -- follow -------------------------------------------------------------------------------------------

    async def test_a_follower_catches_up_and_goes_on(self, harness: BusHarness) -> None:
        log = harness.bus.log
        for number in (1, 2, 3):
            await log.append(numbered(action(), number))
        async with gathering(log.follow(RUNS, action())) as entries:
            await until(lambda: len(entries) == 3)
            for number in (4, 5):
                await log.append(numbered(action(), number))
            await until(lambda: len(entries) == 5)
        assert sequences(entries) == [1, 2, 3, 4, 5]

    async def test_a_follower_begins_after_a_sequence(self, harness: BusHarness) -> None:
        log = harness.bus.log
        for number in (1, 2, 3, 4):
            await log.append(numbered(action(), number))
        assert sequences(await take(log.follow(RUNS, action(), after=2), 2)) == [3, 4]

    async def test_a_follower_may_begin_before_there_is_anything(self, harness: BusHarness) -> None:
        log = harness.bus.log
        async with gathering(log.follow(RUNS, action("*"))) as entries:
            await asyncio.sleep(0.1)
            await log.append(numbered(action("other", run="other")))
            await log.append(numbered(action("b")))
            await until(lambda: len(entries) == 1)
        assert ids(entries) == [numbered(action("b")).id]

    async def test_a_follower_of_a_racing_stream_misses_nothing(self, harness: BusHarness) -> None:
        """The whole stream, a run of it and one action of it, while four writers write."""
        log, writers, each = harness.bus.log, 4, 150

        async def write(name: str) -> None:
            connection = await harness.connect()
            for number in range(1, each + 1):
                await connection.log.append(numbered(action(name, run=f"run{number % 2}"), number))

        async with (
            gathering(log.follow(RUNS, "flyte.run.>")) as whole,
            gathering(log.follow(RUNS, action("*", run="run0"))) as run,
        ):
            writing = asyncio.gather(*(write(f"w{n}") for n in range(writers)))
            await until(lambda: len(whole) > each)
            async with gathering(log.follow(RUNS, action("w0", run="run1"))) as one:  # begins in the middle
                await writing
                await until(lambda: len(whole) >= writers * each)
                await until(lambda: len(run) >= writers * each // 2 and len(one) >= each // 2)
        assert sequences(whole) == list(range(1, writers * each + 1))
        assert run == [entry for entry in whole if entry.subject.split(".")[4] == "run0"]
        assert one == [entry for entry in whole if entry.subject == action("w0", run="run1")]

    async def test_a_follower_survives_an_outage(self, harness: BusHarness) -> None:
        """Whatever is appended before, between and after two outages comes once and in order."""
        log, writer = harness.bus.log, await harness.connect()
        async with gathering(log.follow(RUNS, action())) as entries:
            for outage in range(2):
                first = outage * 20 + 1
                await asyncio.gather(*(writer.log.append(numbered(action(), first + n)) for n in range(10)))
                await harness.stop()
                late = [asyncio.create_task(writer.log.append(numbered(action(), first + 10)))]
                await asyncio.sleep(0.05)
                await harness.start()
                late += [
                    asyncio.create_task(writer.log.append(numbered(action(), first + n)))
                    for n in range(11, 20)
                ]
                await asyncio.gather(*late)
            await until(lambda: len(entries) >= 40)
        assert sequences(entries) == list(range(1, 41))

    async def test_a_follower_started_during_an_outage_waits_for_its_end(self, harness: BusHarness) -> None:
        log = harness.bus.log
        await log.append(numbered(action(), 1))
        await harness.stop()
        async with gathering(log.follow(RUNS, action())) as entries:
            await asyncio.sleep(0.1)
            await harness.start()
            await log.append(numbered(action(), 2))
            await until(lambda: len(entries) == 2)
        assert sequences(entries) == [1, 2]

    async def test_a_follower_outlasts_its_patience(self, harness: BusHarness) -> None:
        hasty = await harness.connect(patience_s=0.3)
        async with gathering(hasty.log.follow(RUNS, action())) as entries:
            await harness.bus.log.append(numbered(action(), 1))
            await until(lambda: len(entries) == 1)
            await harness.stop()
            await asyncio.sleep(1.0)
            await harness.start()
            await harness.bus.log.append(numbered(action(), 2))
            await until(lambda: len(entries) == 2)
        assert sequences(entries) == [1, 2]

    async def test_a_follower_is_given_malformed_bytes_too(self, harness: BusHarness) -> None:
        log = harness.bus.log
        async with gathering(log.follow(RUNS, action())) as entries:
            await harness.publish_raw(action(), b"{")
            await log.append(numbered(action()))
            await until(lambda: len(entries) == 2)
        assert isinstance(entries[0].content, Malformed)
        assert entries[0].raw == b"{"
        assert isinstance(entries[1].content, Event)

    async def test_a_slow_follower_misses_nothing(self, harness: BusHarness) -> None:
        log, count = harness.bus.log, 300
        seen: list[int] = []
        following = log.follow(RUNS, action())
        await log.append(numbered(action(), 1))
        seen.append((await anext(following)).sequence)
        await asyncio.gather(*(log.append(numbered(action(), n)) for n in range(2, count + 1)))
        seen += sequences(await take(following, count - 1))
        assert seen == list(range(1, count + 1))

    async def test_closing_the_bus_ends_its_followers(self, harness: BusHarness) -> None:
        other = await harness.connect()
        await harness.bus.log.append(numbered(action()))
        following = asyncio.create_task(exhaust(other.log.follow(RUNS, action())))
        await asyncio.sleep(0.1)
        await other.close()
        assert sequences(await following) == [1]
