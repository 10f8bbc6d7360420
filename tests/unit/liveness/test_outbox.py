"""Words are delivered in order, once, whether the bus is there or not."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from flyte_agent.lease import LeaseLost
from flyte_agent.outbox import Outbox
from flyte_bus.errors import StreamFull, TooLarge
from flyte_bus.memory import MemoryBus
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import LogSegment, LogWritten
from flyte_schemas.streams import LOGS
from flyte_schemas.subjects import RunKey, log_subject
from testkit.events import event
from testkit.silences import MemorySpool

SUBJECT = log_subject(RunKey("p", "d", "r").action("a0"))
LIMIT_BYTES = 2_000


class Permit:
    """A lease that the test plays."""

    is_fresh = True
    is_lost = False

    async def confirm(self) -> None:
        if self.is_lost:
            raise LeaseLost("given away")


class Said:
    """An outbox, and what stands in the log."""

    def __init__(self, bus: MemoryBus) -> None:
        self.bus = bus
        self.server = bus._link.server
        self.spool = MemorySpool()
        self.permit = Permit()
        self.outbox = Outbox(bus.log, self.spool, self.permit, limit_bytes=LIMIT_BYTES)

    async def say(self, number: int, *, is_output: bool = True) -> None:
        await self.outbox.append(word(number), is_output=is_output)

    async def heard(self) -> list[str]:
        return [entry.content.id async for entry in self.bus.log.read(LOGS, SUBJECT)]  # type: ignore[union-attr]

    def refuse(self, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]) -> None:
        async def refuse(event: AnyEvent, *, expected: int | None = None) -> int:
            raise error()

        monkeypatch.setattr(self.bus.log, "append", refuse)


def word(number: int) -> AnyEvent:
    text = LogSegment(stream="stdout", text=f"line {number}\n")
    return event(
        SUBJECT, LogWritten(attempt=1, offset=number, size_bytes=1, segments=(text,)), id=str(number)
    )


@pytest.fixture
async def said(bus: MemoryBus) -> AsyncIterator[Said]:
    said = Said(bus)
    yield said
    await said.outbox.close(keep=True)


async def test_while_the_bus_is_there_nothing_is_spooled(said: Said) -> None:
    for number in range(10):
        await said.say(number)
        assert said.outbox.is_empty
    assert await said.heard() == [str(number) for number in range(10)]
    assert said.spool.size_bytes == 0


async def test_in_an_outage_one_goes_on_and_all_is_delivered_in_order(said: Said) -> None:
    await said.say(0)
    said.server.stop()
    began = asyncio.get_running_loop().time()
    for number in range(1, 6):
        await said.say(number)
    assert asyncio.get_running_loop().time() - began < 1.0
    assert len(said.spool.words) == 5
    await asyncio.sleep(3_000.0)  # beyond the patience of the bus
    said.server.start()
    await said.say(6)
    await said.outbox.flush()
    assert await said.heard() == [str(number) for number in range(7)]
    assert said.spool.size_bytes == 0
    await said.say(7)
    assert (await said.heard())[-1] == "7"


async def test_words_of_two_who_speak_at_once_are_all_delivered(said: Said) -> None:
    said.server.stop()
    await asyncio.gather(*(said.say(number) for number in range(5)))
    said.server.start()
    await said.outbox.flush()
    assert sorted(await said.heard()) == [str(number) for number in range(5)]


async def test_when_the_spool_is_full_output_waits_and_facts_do_not(said: Said) -> None:
    said.server.stop()
    number = 0
    while said.spool.size_bytes < LIMIT_BYTES:
        await said.say(number)
        number += 1
    waiting = asyncio.create_task(said.say(number))
    await asyncio.sleep(100.0)
    assert not waiting.done()
    await said.say(number + 1, is_output=False)
    said.server.start()
    await waiting
    await said.outbox.flush()
    assert sorted(await said.heard(), key=int) == [str(one) for one in range(number + 2)]


async def test_when_the_disk_is_full_a_word_waits_and_is_not_lost(said: Said) -> None:
    said.server.stop()
    await said.say(0)
    said.spool.is_full = True
    waiting = asyncio.create_task(said.say(1))
    await asyncio.sleep(100.0)
    assert not waiting.done()
    said.server.start()
    await waiting
    assert await said.heard() == ["0", "1"]


async def test_a_stream_that_is_full_is_an_outage_too(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    said.refuse(monkeypatch, lambda: StreamFull("no room"))
    await said.say(0)
    await said.say(1)
    assert len(said.spool.words) == 2
    await asyncio.sleep(100.0)
    monkeypatch.undo()
    await said.outbox.flush()
    assert await said.heard() == ["0", "1"]


async def test_what_the_log_refuses_for_good_is_the_speakers_error(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    said.refuse(monkeypatch, lambda: TooLarge("too large"))
    with pytest.raises(TooLarge):
        await said.say(0)
    assert said.spool.size_bytes == 0


async def test_an_error_that_comes_later_reaches_who_speaks_next_and_who_waits(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    said.server.stop()
    await said.say(0)
    await said.say(1)
    flushing = asyncio.create_task(said.outbox.flush())
    await asyncio.sleep(0.1)
    said.refuse(monkeypatch, lambda: TooLarge("too large"))
    said.server.start()
    with pytest.raises(TooLarge):
        await flushing
    with pytest.raises(TooLarge):
        await said.say(2)


async def test_after_a_silence_words_wait_until_it_is_known_that_they_may_be_said(said: Said) -> None:
    said.permit.is_fresh = False
    await said.say(0)
    assert len(said.spool.words) == 1
    await said.outbox.flush()
    assert await said.heard() == ["0"]


async def test_whose_work_was_given_away_says_nothing_more(said: Said) -> None:
    said.server.stop()
    await said.say(0)
    await said.say(1)
    said.permit.is_fresh, said.permit.is_lost = False, True
    said.server.start()
    with pytest.raises(LeaseLost):
        await said.outbox.flush()
    assert "1" not in await said.heard()
    await said.outbox.close(keep=False)
    assert said.spool.size_bytes == 0


async def test_what_waits_at_the_end_stays_for_others(said: Said) -> None:
    said.server.stop()
    await said.say(0)
    await said.say(1)
    await said.outbox.close(keep=True)
    assert len(said.spool.words) == 2
    said.server.start()
    await asyncio.sleep(10.0)
    assert await said.heard() == []
