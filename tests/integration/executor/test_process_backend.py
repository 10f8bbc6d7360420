"""Attempts as processes on this machine, forked by a real zygote."""

import asyncio
import os
import platform
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.process import is_alive, start_time
from flyte_bus.spool import SpoolFile, spool_path
from flyte_executor.backends.left_words import LeftWords
from flyte_executor.backends.port import Gone, Launch, LaunchFailed, Waiting
from flyte_executor.backends.process import ProcessBackend, read_record
from flyte_schemas.envelope import encode
from flyte_schemas.events import AttemptSucceeded
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import AttemptKey, RunKey, action_subject
from testkit.cases.harness import until
from testkit.events import event
from testkit.tasks import template

RUN = RunKey("project", "domain", "run")


def launch(action: str = "a0", number: int = 1) -> Launch:
    return Launch(attempt=AttemptKey(RUN.action(action), number), fence=1, template=template())


class Backend:
    """A backend, and what was heard of its workers; no bus is there, so its agents wait for one."""

    def __init__(self, folder: Path) -> None:
        self.bus = MemoryBus(MemoryServer())
        self.words = LeftWords(folder.parent / "spool", self.bus.log)
        self.work = folder.parent / "work"
        self.backend = ProcessBackend(folder, grace_s=5.0, words=self.words, work=self.work, bus=self.bus)
        self.folder = folder
        self.gone: list[Gone] = []
        self.found: frozenset[AttemptKey] = frozenset()

    async def start(self, heard: list[int] | None = None) -> None:
        """Begin; with `heard`, note how many words the log had when an end was told."""

        async def nobody_waits(waiting: Waiting) -> None:
            raise AssertionError(f"a process waits for nothing: {waiting}")

        async def on_gone(gone: Gone) -> bool:
            if heard is not None:
                heard.append(await self.bus.log.last_sequence(RUNS))
            self.gone.append(gone)
            return True

        self.found = await self.backend.start(on_gone, nobody_waits)

    def pids(self) -> dict[AttemptKey, int]:
        """The agents that have made a record."""
        records = [read_record(path) for path in self.folder.glob("*.json")]
        return {record.order.key: record.pid for record in records if record and record.order}

    async def launch(self, what: Launch) -> int:
        """Launch, and return the agent's process id once it has made its record."""
        await self.backend.launch(what)
        await until(lambda: what.attempt in self.pids())
        return self.pids()[what.attempt]


@pytest.fixture
async def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Backend]:
    monkeypatch.setenv("FLYTE_HOME", str(tmp_path))
    monkeypatch.setenv("FLYTE_NATS_URL", "nats://127.0.0.1:1")
    backend = Backend(tmp_path / "agents")
    await backend.start()
    try:
        yield backend
    finally:
        await backend.backend.close(stop_attempts=True)


async def test_an_agent_is_launched_once_and_its_end_is_heard_of(backend: Backend) -> None:
    pid, _ = await asyncio.gather(backend.launch(launch()), backend.backend.launch(launch()))
    other = await backend.launch(launch("a1"))
    await backend.backend.launch(launch())
    folders = [backend.work / f"{agent}.{start_time(agent)}.x" for agent in (pid, other)]
    for folder in folders:
        folder.mkdir(parents=True)
    assert len(backend.pids()) == 2
    os.kill(pid, signal.SIGKILL)
    await until(lambda: bool(backend.gone))
    (gone,) = backend.gone
    assert gone.attempt == launch().attempt
    assert gone.worker.endswith(f"/{pid}")
    assert is_alive(other)
    assert list(backend.pids().values()) == [other]  # what the killed one left is cleared away
    await until(lambda: not folders[0].exists())
    assert folders[1].exists()


async def test_stopping_an_attempt_ends_its_process_and_no_other(backend: Backend) -> None:
    pid, other = await backend.launch(launch()), await backend.launch(launch("a1"))
    await asyncio.gather(*(backend.backend.stop_attempt(launch().attempt) for _ in range(2)))
    assert not is_alive(pid)
    assert is_alive(other)
    await backend.backend.stop_attempt(launch("never").attempt)


async def test_a_process_that_does_not_want_to_end_is_killed(tmp_path: Path, backend: Backend) -> None:
    pid = await backend.launch(launch())
    os.kill(pid, signal.SIGSTOP)
    backend.backend._grace_s = 0.1
    await backend.backend.stop_attempt(launch().attempt)
    assert not is_alive(pid)


async def test_agents_outlive_the_backend_and_are_found_by_the_next(backend: Backend) -> None:
    pid = await backend.launch(launch())
    dead = backend.folder / "999999999.json"
    dead.write_bytes(orjson.dumps({"half": "a record"}))
    await backend.backend.close(stop_attempts=False)
    assert is_alive(pid)
    again = Backend(backend.folder)
    await again.start()
    assert again.found == {launch().attempt}
    assert not dead.exists()
    await again.backend.launch(launch())
    assert list(again.pids().values()) == [pid]
    await again.backend.close(stop_attempts=True)
    assert not is_alive(pid)
    assert backend.gone == []


async def test_an_agent_that_died_while_no_executor_ran_is_told_of_after_its_last_words(
    backend: Backend,
) -> None:
    pid = await backend.launch(launch())
    record = (backend.folder / f"{pid}.json").read_bytes()
    await backend.backend.close(stop_attempts=False)
    spool = SpoolFile(spool_path(backend.folder.parent / "spool", pid))
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not is_alive(pid))
    (backend.folder / f"{pid}.json").write_bytes(record)
    word = event(action_subject(launch().attempt.action), AttemptSucceeded(attempt=1), id="the last word")
    spool.add(encode(word))
    spool.leave()
    again = Backend(backend.folder)
    await again.bus.provision()
    heard: list[int] = []
    await again.start(heard)
    assert again.found == frozenset()
    await until(lambda: bool(again.gone))
    (gone,) = again.gone
    assert (gone.attempt, gone.worker) == (launch().attempt, f"{platform.node()}/{pid}")
    assert heard == [1]  # its word was in the log by then
    await until(lambda: not again.pids())
    await again.backend.close(stop_attempts=True)


async def test_the_record_of_another_machine_is_left_alone(backend: Backend) -> None:
    order = {"project": "p", "domain": "d", "run": "r", "action": "a0", "attempt": 1, "fence": 1}
    theirs = backend.folder / "999999999.json"
    theirs.write_bytes(orjson.dumps(order | {"pid": 999999999, "started": "1", "host": "elsewhere"}))
    again = Backend(backend.folder)
    await again.start()
    await again.backend.close(stop_attempts=True)
    assert theirs.exists()
    assert again.gone == []


async def test_a_record_of_a_process_whose_number_was_given_away_is_no_agent(backend: Backend) -> None:
    stranger = os.getpid()
    order = {"project": "p", "domain": "d", "run": "r", "action": "a0", "attempt": 1, "fence": 1}
    started = str(int(start_time(stranger)) - 1)
    record = order | {"pid": stranger, "started": started, "host": platform.node()}
    (backend.folder / f"{stranger}.json").write_bytes(orjson.dumps(record))
    again = Backend(backend.folder)
    await again.start()
    assert again.found == frozenset()
    await again.backend.close(stop_attempts=True)


async def test_an_order_that_cannot_be_served_fails_and_the_zygote_goes_on(backend: Backend) -> None:
    with pytest.raises(LaunchFailed, match="action"):
        await backend.backend.launch(launch("a" * 200))
    zygote = backend.backend._zygote
    assert await backend.launch(launch())
    assert backend.backend._zygote is zygote


async def test_a_zygote_that_died_is_replaced_and_its_agents_go_on(backend: Backend) -> None:
    pid = await backend.launch(launch())
    assert backend.backend._zygote is not None
    backend.backend._zygote.kill()
    assert await backend.launch(launch("a1"))
    assert is_alive(pid)


async def test_a_zygote_that_cannot_be_started_fails_the_launch(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert backend.backend._zygote is not None
    backend.backend._zygote.kill()
    await backend.backend._zygote.wait()
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(LaunchFailed, match="cannot be started"):
        await backend.backend.launch(launch())


async def test_a_launch_that_has_begun_is_stopped_with_the_backend(backend: Backend) -> None:
    """Its caller is gone already, as when the executor stops."""
    launching = asyncio.create_task(backend.backend.launch(launch()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    launching.cancel()
    await backend.backend.close(stop_attempts=True)
    assert backend.backend._live == {}
    assert not any(map(is_alive, backend.pids().values()))
