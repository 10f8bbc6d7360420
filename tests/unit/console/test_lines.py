"""Output as lines: what is cut where, and how much of it waits."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.service import Supervisor
from flyte_console.core import lines as module
from flyte_console.core.asks import Ask
from flyte_console.core.lines import LINE_CHARACTERS, Line, LogLines
from flyte_console.core.sessions import SeenPlace, Session
from flyte_console.settings import ConsoleSettings
from flyte_console.tail import _Pump
from flyte_console.views import RunViews
from flyte_console.words import WordAnswers
from flyte_schemas.events import LogSegment, LogWritten
from flyte_schemas.streams import LOGS
from flyte_schemas.subjects import action_subject, log_subject
from testkit.cases.harness import GUARD_S
from testkit.events import RUN, event
from testkit.words import requested

SUBJECT = log_subject(RUN.action("a0"))


def written(*texts: str) -> list[LogWritten]:
    """An attempt's output in these chunks."""
    found, offset = [], 0
    for text in texts:
        segments = (LogSegment(stream="stdout", text=text),)
        found.append(LogWritten(attempt=1, offset=offset, size_bytes=len(text), segments=segments))
        offset += len(text)
    return found


def told(*texts: str) -> tuple[list[Line], list[Line], LogLines]:
    """The lines of these chunks, and what has not ended."""
    lines = LogLines()
    found: list[Line] = []
    for number, chunk in enumerate(written(*texts), 1):
        found += lines.take(SUBJECT, event(SUBJECT, chunk), number)
    return found, lines.rest(), lines


def test_output_without_line_breaks_is_cut_and_never_gathered() -> None:
    chunk = "x" * (LINE_CHARACTERS // 2 + 1)
    found, rest, lines = told(*[chunk] * 40)
    assert {len(line["text"]) for line in found} == {LINE_CHARACTERS}
    assert not any(line["partial"] for line in found)
    assert [line["partial"] for line in rest] == [True]
    assert "".join(line["text"] for line in [*found, *rest]) == chunk * 40
    assert all(len(text) <= LINE_CHARACTERS for text, _ in lines._partial.values())


@pytest.mark.parametrize("length", [0, 1, LINE_CHARACTERS - 1, LINE_CHARACTERS])
def test_a_line_that_is_not_too_long_is_one(length: int) -> None:
    for texts in (("y" * length + "\nz",), ("y" * length, "\nz")):
        found, rest, _ = told(*texts)
        assert [line["text"] for line in found] == ["y" * length]
        assert [line["text"] for line in rest] == ["z"]


@given(st.lists(st.text("ab\n", min_size=1), min_size=1))
def test_where_a_line_is_cut_does_not_depend_on_the_chunks(texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LINE_CHARACTERS", 3)
        found, rest, _ = told(*texts)
        again, left, _ = told("".join(texts))
    assert [line["text"] for line in [*found, *rest]] == [line["text"] for line in [*again, *left]]


async def test_what_a_slow_reader_has_not_taken_is_bounded_in_characters() -> None:
    settings = ConsoleSettings(max_characters=100)
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        for chunk in written(*["z" * 59 + "\n"] * 5):
            last = await bus.log.append(event(SUBJECT, chunk, id=str(chunk.offset)))
        assert last == await bus.log.last_sequence(LOGS)
        bell = asyncio.Event()
        pump = _Pump(LogLines(), bell, settings)
        pumping = asyncio.create_task(pump.run(bus, SUBJECT))
        taken: list[int] = []
        async with asyncio.timeout(GUARD_S):
            while sum(taken) < 5:
                await bell.wait()
                for _ in range(50):
                    await asyncio.sleep(0)
                bell.clear()
                if pump.waiting:
                    taken.append(len(orjson.loads(pump.take().data)["lines"]))
        pumping.cancel()
        with suppress(asyncio.CancelledError):
            await pumping
    assert max(taken) <= 2


async def test_an_answer_is_bounded_in_characters_and_the_next_goes_on() -> None:
    settings = ConsoleSettings(max_characters=100)
    now = datetime.now(UTC)
    places = (SeenPlace(project=RUN.project, domain=RUN.domain),)
    session = Session(kind="program", user="ann", places=places, ends_at=now, seen_at=now)
    path = {"project": RUN.project, "domain": RUN.domain, "run": RUN.run}
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        subject = action_subject(RUN.action("a0"))
        await bus.log.append(event(subject, requested()))
        for number, chunk in enumerate(written(*[f"{'z' * 58}{number}\n" for number in range(5)])):
            await bus.log.append(event(SUBJECT, chunk, id=str(number)))
        words = WordAnswers(bus, RunViews(bus, settings, Supervisor("console")), settings)
        pages, after = [], 0
        while after is not None:
            page = orjson.loads((await words.logs(Ask(path, {"after": [str(after)]}, session))).body)
            pages.append([line["text"][-1] for line in page["lines"]])
            after = page["next"]
    assert pages == [["0", "1"], ["2", "3"], ["4"]]
