"""What every `Inbox` does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from flyte_bus.ports import Bus, Delivery, Inbox
from flyte_schemas.envelope import Event, Malformed
from flyte_schemas.streams import REQUESTS
from flyte_schemas.subjects import RUN_REQUESTS
from testkit.cases.harness import BusHarness, exhaust, gathering, take, until
from testkit.events import request

SHORT_S = 0.5
"""An acknowledgement that is overdue soon."""
PAUSE_S = 0.5
"""Long enough for something to arrive that should not."""


def open_inbox(
    bus: Bus, *, durable: str = "executor", max_in_flight: int = 256, ack_wait_s: float = 30.0
) -> AbstractAsyncContextManager[Inbox]:
    return bus.inbox(REQUESTS, durable, RUN_REQUESTS, max_in_flight=max_in_flight, ack_wait_s=ack_wait_s)


@asynccontextmanager
async def pulling(
    bus: Bus, *, durable: str = "executor", max_in_flight: int = 256, ack_wait_s: float = 30.0
) -> AsyncIterator[list[Delivery]]:
    """The deliveries of an inbox, as they come; nobody acknowledges them."""
    inbox = open_inbox(bus, durable=durable, max_in_flight=max_in_flight, ack_wait_s=ack_wait_s)
    async with inbox as messages, gathering(aiter(messages)) as deliveries:
        yield deliveries


def numbers(deliveries: list[Delivery]) -> list[int]:
    """Which of the requests these are: their sequences, when nothing else was published."""
    return [delivery.entry.sequence for delivery in deliveries]


class InboxCases:
    """The contract of `Inbox` and `Delivery`: inherit it, and give a fixture `harness`."""

    async def test_messages_come_in_order_and_as_they_were_written(self, harness: BusHarness) -> None:
        for number in (1, 2, 3):
            await harness.bus.log.append(request(number))
        async with open_inbox(harness.bus) as inbox:
            deliveries = await take(aiter(inbox), 3)
        assert [delivery.entry.content for delivery in deliveries] == [request(n) for n in (1, 2, 3)]
        assert [delivery.deliveries for delivery in deliveries] == [1, 1, 1]
        assert deliveries[0].entry.stream == REQUESTS.name
        assert deliveries[0].entry.subject == request(1).subject

    async def test_messages_come_while_the_inbox_is_open(self, harness: BusHarness) -> None:
        async with pulling(harness.bus) as deliveries:
            await asyncio.sleep(0.1)
            for number in (1, 2, 3):
                await harness.bus.log.append(request(number))
            await until(lambda: len(deliveries) == 3)
        assert numbers(deliveries) == [1, 2, 3]

    async def test_only_the_named_subjects_come(self, harness: BusHarness) -> None:
        await harness.bus.log.append(request(1, verb="deploy"))
        await harness.bus.log.append(request(2))
        await harness.bus.log.append(request(3, verb="deploy"))
        await harness.bus.log.append(request(4))
        async with open_inbox(harness.bus) as inbox:
            assert numbers(await take(aiter(inbox), 2)) == [2, 4]

    async def test_each_message_goes_to_one_of_two_pullers(self, harness: BusHarness) -> None:
        other, count = await harness.connect(), 200
        async with pulling(harness.bus) as mine, pulling(other) as theirs:
            for number in range(1, count + 1):
                await harness.bus.log.append(request(number))
            await until(lambda: len(mine) + len(theirs) >= count)
            for delivery in (*mine, *theirs):
                await delivery.ack()
        assert sorted(numbers(mine) + numbers(theirs)) == list(range(1, count + 1))

    async def test_two_durables_are_each_given_everything(self, harness: BusHarness) -> None:
        async with pulling(harness.bus) as mine, pulling(harness.bus, durable="auditor") as theirs:
            for number in (1, 2, 3):
                await harness.bus.log.append(request(number))
            await until(lambda: len(mine) == len(theirs) == 3)
        assert numbers(mine) == numbers(theirs) == [1, 2, 3]

    async def test_what_was_acknowledged_does_not_come_again(self, harness: BusHarness) -> None:
        """The second message comes again, so the first would have."""
        async with pulling(harness.bus, ack_wait_s=SHORT_S) as deliveries:
            for number in (1, 2):
                await harness.bus.log.append(request(number))
            await until(lambda: len(deliveries) == 2)
            await deliveries[0].ack()
            await until(lambda: len(deliveries) == 3)
        assert numbers(deliveries) == [1, 2, 2]

    async def test_what_is_not_acknowledged_in_time_comes_again(self, harness: BusHarness) -> None:
        await harness.bus.log.append(request(1))
        async with pulling(harness.bus, ack_wait_s=SHORT_S) as deliveries:
            await until(lambda: len(deliveries) == 2)
            await deliveries[-1].ack()
        assert numbers(deliveries) == [1, 1]
        assert [delivery.deliveries for delivery in deliveries] == [1, 2]

    async def test_what_is_sent_back_comes_again_at_once(self, harness: BusHarness) -> None:
        await harness.bus.log.append(request(1))
        async with pulling(harness.bus) as deliveries:
            await until(lambda: len(deliveries) == 1)
            await deliveries[0].nak()
            await until(lambda: len(deliveries) == 2)
            await deliveries[1].ack()
        assert [delivery.deliveries for delivery in deliveries] == [1, 2]

    async def test_what_is_sent_back_with_a_delay_lets_others_pass(self, harness: BusHarness) -> None:
        await harness.bus.log.append(request(1))
        async with pulling(harness.bus) as deliveries:
            await until(lambda: len(deliveries) == 1)
            await deliveries[0].nak(delay_s=1.5)
            await harness.bus.log.append(request(2))
            await until(lambda: len(deliveries) == 3)
        assert numbers(deliveries) == [1, 2, 1]
        assert [delivery.deliveries for delivery in deliveries] == [1, 1, 2]

    async def test_what_is_given_up_never_comes_again(self, harness: BusHarness) -> None:
        """The second message comes again, so the first would have."""
        async with pulling(harness.bus, ack_wait_s=SHORT_S) as deliveries:
            for number in (1, 2):
                await harness.bus.log.append(request(number))
            await until(lambda: len(deliveries) == 2)
            await deliveries[0].term("nobody can read it")
            await until(lambda: len(deliveries) == 3)
        assert numbers(deliveries) == [1, 2, 2]

    async def test_no_more_are_in_flight_than_allowed(self, harness: BusHarness) -> None:
        for number in range(1, 7):
            await harness.bus.log.append(request(number))
        async with pulling(harness.bus, max_in_flight=3) as deliveries:
            await until(lambda: len(deliveries) == 3)
            await asyncio.sleep(PAUSE_S)
            assert numbers(deliveries) == [1, 2, 3]
            await deliveries[0].ack()
            await until(lambda: len(deliveries) == 4)
            await asyncio.sleep(PAUSE_S)
            assert numbers(deliveries) == [1, 2, 3, 4]
            for delivery in deliveries[1:]:
                await delivery.ack()
            await until(lambda: len(deliveries) == 6)

    async def test_all_pullers_together_have_no_more_in_flight_than_allowed(
        self, harness: BusHarness
    ) -> None:
        other = await harness.connect()
        for number in range(1, 7):
            await harness.bus.log.append(request(number))
        async with (
            pulling(harness.bus, max_in_flight=3) as mine,
            pulling(other, max_in_flight=3) as theirs,
        ):
            await until(lambda: len(mine) + len(theirs) == 3)
            await asyncio.sleep(PAUSE_S)
            assert len(mine) + len(theirs) == 3

    async def test_one_message_at_a_time_drains_the_inbox(self, harness: BusHarness) -> None:
        for number in range(1, 21):
            await harness.bus.log.append(request(number))
        seen: list[int] = []
        async with asyncio.timeout(30), open_inbox(harness.bus, max_in_flight=1) as inbox:
            async for delivery in inbox:
                seen.append(delivery.entry.sequence)
                await delivery.ack()
                if len(seen) == 20:
                    break
        assert seen == list(range(1, 21))

    async def test_the_consumer_remembers_what_was_done(self, harness: BusHarness) -> None:
        for number in (1, 2, 3):
            await harness.bus.log.append(request(number))
        async with open_inbox(harness.bus, ack_wait_s=SHORT_S) as inbox:
            for delivery in (await take(aiter(inbox), 3))[:2]:
                await delivery.ack()
        other = await harness.connect()
        await harness.bus.log.append(request(4))
        async with pulling(other, ack_wait_s=SHORT_S) as deliveries:
            await until(lambda: {3, 4} <= set(numbers(deliveries)))
        assert set(numbers(deliveries)) == {3, 4}

    async def test_a_closed_inbox_keeps_nothing_back(self, harness: BusHarness) -> None:
        """What it had fetched ahead goes to others at once, not when the acknowledgement is overdue."""
        for number in range(1, 11):
            await harness.bus.log.append(request(number))
        async with open_inbox(harness.bus, ack_wait_s=600) as inbox:
            (first,) = await take(aiter(inbox), 1)
            await first.ack()
        async with open_inbox(harness.bus, ack_wait_s=600) as inbox:
            assert sorted(numbers(await take(aiter(inbox), 9))) == list(range(2, 11))

    async def test_what_a_closed_inbox_had_in_hand_goes_to_others_at_once(self, harness: BusHarness) -> None:
        for number in (1, 2):
            await harness.bus.log.append(request(number))
        async with open_inbox(harness.bus, ack_wait_s=600) as inbox:
            first, second = await take(aiter(inbox), 2)
            await first.ack()
        assert second.deliveries == 1
        async with open_inbox(harness.bus, ack_wait_s=600) as inbox:
            (again,) = await take(aiter(inbox), 1)
        assert (again.entry.sequence, again.deliveries) == (2, 2)

    async def test_malformed_bytes_do_not_stop_the_inbox(self, harness: BusHarness) -> None:
        await harness.publish_raw(request(1).subject, b"\x00\x01")
        await harness.bus.log.append(request(2))
        async with open_inbox(harness.bus) as inbox:
            bad, good = await take(aiter(inbox), 2)
            await bad.term("not an event")
            await good.ack()
        assert isinstance(bad.entry.content, Malformed)
        assert bad.entry.raw == b"\x00\x01"
        assert isinstance(good.entry.content, Event)

    async def test_an_inbox_goes_on_after_an_outage(self, harness: BusHarness) -> None:
        await harness.bus.log.append(request(1))
        async with pulling(harness.bus, ack_wait_s=5.0) as deliveries:
            await until(lambda: len(deliveries) == 1)
            await deliveries[0].ack()
            await harness.bus.log.append(request(2))
            await until(lambda: len(deliveries) == 2)
            await deliveries[1].ack()
            for outage in (1, 2):
                await harness.stop()
                await asyncio.sleep(0.1)
                await harness.start()
                await harness.bus.log.append(request(2 + outage))
                await until(lambda: 2 + outage in numbers(deliveries))  # noqa: B023
                await deliveries[-1].ack()
        assert set(numbers(deliveries)) == {1, 2, 3, 4}

    async def test_what_was_out_during_an_outage_comes_again(self, harness: BusHarness) -> None:
        await harness.bus.log.append(request(1))
        async with pulling(harness.bus, ack_wait_s=1.0) as deliveries:
            await until(lambda: len(deliveries) == 1)
            await harness.stop()
            await asyncio.sleep(0.1)
            await harness.start()
            await until(lambda: len(deliveries) == 2)
            await deliveries[-1].ack()
        assert numbers(deliveries)[:2] == [1, 1]

    async def test_an_acknowledgement_during_an_outage_is_no_error(self, harness: BusHarness) -> None:
        """It may be lost on the way; then the message comes again, and can be acknowledged again."""
        for number in (1, 2):
            await harness.bus.log.append(request(number))
        async with pulling(harness.bus, ack_wait_s=1.0) as deliveries:
            await until(lambda: len(deliveries) == 2)
            await harness.stop()
            acknowledging = asyncio.create_task(deliveries[0].ack())
            await asyncio.sleep(0.1)
            await harness.start()
            await acknowledging
            await until(lambda: numbers(deliveries).count(2) == 2)
            for delivery in deliveries:
                await delivery.ack()
            await harness.bus.log.append(request(3))
            await until(lambda: numbers(deliveries).count(3) == 2)
        assert numbers(deliveries).count(1) <= 2
        assert numbers(deliveries).count(2) == 2

    async def test_closing_the_bus_ends_its_inboxes(self, harness: BusHarness) -> None:
        other = await harness.connect()
        await harness.bus.log.append(request(1))
        async with open_inbox(other) as inbox:
            pulled = asyncio.create_task(exhaust(aiter(inbox)))
            await asyncio.sleep(0.2)
            await other.close()
            assert numbers(await pulled) == [1]

    async def test_who_says_that_he_works_on_it_has_more_time(self, harness: BusHarness) -> None:
        await harness.bus.log.append(request(1))
        async with pulling(harness.bus, ack_wait_s=SHORT_S) as deliveries:
            await until(lambda: len(deliveries) == 1)
            for _ in range(4):
                await asyncio.sleep(SHORT_S / 2)
                await deliveries[0].working()
            assert len(deliveries) == 1
            assert not deliveries[0].is_settled
            await deliveries[0].ack()
            assert deliveries[0].is_settled

    async def test_sizes_come_without_what_was_said(self, harness: BusHarness) -> None:
        await harness.bus.log.append(request(1))
        async with open_inbox(harness.bus) as inbox:
            (whole,) = await take(aiter(inbox), 1)
            await whole.ack()
        sizes = harness.bus.inbox(REQUESTS, "sizes", RUN_REQUESTS, sizes_only=True)
        async with sizes as inbox:
            (bare,) = await take(aiter(inbox), 1)
            await bare.ack()
        assert bare.entry.raw == b""
        assert isinstance(bare.entry.content, Malformed)
        assert (bare.entry.subject, bare.entry.sequence) == (whole.entry.subject, whole.entry.sequence)
        assert bare.size_bytes == whole.size_bytes == len(whole.entry.raw) > 0
