"""Words on disk: in order, delivered by who wrote them or by who finds them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flyte_bus.errors import BusUnavailable
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.process import start_time
from flyte_bus.spool import SpoolFile, deliver_left, left_spools, spool_path
from flyte_schemas.envelope import MAX_EVENT_BYTES, AnyEvent, encode
from flyte_schemas.events import AttemptStarted
from flyte_schemas.streams import RUNS, STREAMS
from testkit.events import RUN, action, event, numbered


def word(number: int) -> AnyEvent:
    return event(action(), AttemptStarted(attempt=number, worker="w"), id=str(number))


def raw(number: int) -> bytes:
    return encode(word(number))


async def said(bus: MemoryBus) -> list[str]:
    entries = [entry async for entry in bus.log.read(RUNS, action())]
    return [entry.content.id for entry in entries if not isinstance(entry.content, Exception)]


def test_a_spool_gives_back_what_was_put_in_first(tmp_path: Path) -> None:
    spool = SpoolFile(tmp_path / "deep" / "1.2.events")
    for number in (1, 2, 3):
        spool.add(raw(number), safely=number == 2)
    assert spool.size_bytes == sum(len(raw(number)) + 1 for number in (1, 2, 3))
    for number in (1, 2, 3):
        assert spool.first() == raw(number)
        spool.drop()
    assert spool.size_bytes == 0


def test_the_file_is_there_only_while_something_waits(tmp_path: Path) -> None:
    spool = SpoolFile(tmp_path / "1.2.events")
    assert list(tmp_path.iterdir()) == []
    for _ in range(2):
        spool.add(raw(1))
        assert spool.path.exists()
        spool.drop()
        assert list(tmp_path.iterdir()) == []


async def test_what_is_left_is_delivered_by_another_from_where_the_first_stood(tmp_path: Path) -> None:
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        spool = SpoolFile(tmp_path / "1.2.events")
        for number in (1, 2, 3):
            spool.add(raw(number))
        await bus.log.append(word(1))
        spool.drop()
        spool.leave()
        with spool.path.open("ab") as file:
            file.write(raw(4)[:-5])  # it was killed in the middle of a word
        assert await deliver_left(spool.path, bus.log) == 2
        assert await said(bus) == ["1", "2", "3"]
        assert not spool.path.exists()
        assert await deliver_left(spool.path, bus.log) == 0


async def test_a_word_that_nobody_can_read_keeps_none_behind_it(tmp_path: Path) -> None:
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        path = tmp_path / "1.2.events"
        path.write_bytes(b"0000000011\n" + raw(1) + b"\ngarbage\n" + raw(2) + b"\n")
        assert await deliver_left(path, bus.log) == 2
        assert await said(bus) == ["1", "2"]


@pytest.mark.parametrize("content", [b"", b"00000", b"not a number\n"])
async def test_a_file_that_has_no_head_holds_nothing(tmp_path: Path, content: bytes) -> None:
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        path = tmp_path / "1.2.events"
        path.write_bytes(content)
        assert await deliver_left(path, bus.log) == 0
        assert not path.exists()


async def test_while_the_bus_is_away_the_file_stays(tmp_path: Path) -> None:
    server = MemoryServer()
    async with MemoryBus(server, patience_s=0.01) as bus:
        await bus.provision()
        server.stop()
        spool = SpoolFile(tmp_path / "1.2.events")
        spool.add(raw(1))
        spool.leave()
        with pytest.raises(BusUnavailable):
            await deliver_left(spool.path, bus.log)
        server.start()
        assert await deliver_left(spool.path, bus.log) == 1


def test_only_the_spools_of_the_dead_are_left(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    left = spool_path(tmp_path, gone.pid)
    gone.wait()
    reused = tmp_path / f"{os.getpid()}.{int(start_time(os.getpid())) - 1}.events"
    for path in (left, reused, spool_path(tmp_path, os.getpid()), tmp_path / "notes.events"):
        path.touch()
    assert left_spools(tmp_path) == sorted([left, reused])
    assert left_spools(tmp_path / "nowhere") == []


def test_a_process_with_several_spools_is_alive_for_all_of_them(tmp_path: Path) -> None:
    paths = [spool_path(tmp_path, os.getpid(), lane) for lane in (0, 1, 2)]
    assert len(set(paths)) == 3
    for path in paths:
        path.write_bytes(b"")
    assert left_spools(tmp_path) == []
    gone = tmp_path / f"{os.getpid()}.1.2.events"  # another process's of the same number
    gone.write_bytes(b"")
    assert left_spools(tmp_path) == [gone]


FORGED = (
    "flyte.run.project.domain.run.parent",
    "flyte.run.project.domain.another.a0",
    "flyte.run.bank.prod.run.a0",
    "flyte.task.project.domain.env.task",
    "flyte.req.project.domain.run.forged.boss",
    "flyte.notice.project.domain.run.a0",
    "flyte.run.project.domain.run.a0\r\n\r\nPUB flyte 0",
    "flyte.run.project.domain.run.>",
)


async def test_what_a_container_left_says_nothing_of_others(tmp_path: Path) -> None:
    """It is delivered by the executor, who may say anything of any run."""
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        path = tmp_path / "1.2.events"
        forged = [encode(numbered(subject, 9, id=subject)) for subject in FORGED]
        path.write_bytes(b"0000000011\n" + b"\n".join([raw(1), *forged, raw(2)]) + b"\n")
        assert await deliver_left(path, bus.log, of=RUN.action("a0")) == 2
        assert await said(bus) == ["1", "2"]
        for stream in STREAMS:
            assert await bus.log.last_sequence(stream) == (2 if stream is RUNS else 0)


async def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        kept = tmp_path / "kept"
        kept.write_bytes(b"0000000011\n" + raw(1) + b"\n")
        link, pipe = tmp_path / "1.2.events", tmp_path / "1.3.events"
        link.symlink_to(kept)
        os.mkfifo(pipe)
        assert [await deliver_left(path, bus.log, of=RUN.action("a0")) for path in (link, pipe)] == [0, 0]
        assert kept.exists() and await said(bus) == []


async def test_a_line_without_an_end_is_not_taken_into_memory(tmp_path: Path) -> None:
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        path = tmp_path / "1.2.events"
        path.write_bytes(b"0000000011\n" + b"x" * (3 * MAX_EVENT_BYTES) + b"\n" + raw(1) + b"\n")
        assert await deliver_left(path, bus.log, of=RUN.action("a0")) == 1
