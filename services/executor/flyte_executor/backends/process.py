"""Attempts as processes on this machine, forked by a warm zygote.

The zygote (`flyte-agent zygote`) has the interpreter and the SDK loaded and forks an agent for each line it
reads. Agents live in sessions of their own and outlast the executor: each keeps a record (a small file)
while it lives, and an executor that comes back finds them by these records. The record of one that was killed
tells of its loss. Before a loss is told, what the agent had yet to say is delivered.
"""

import asyncio
import contextlib
import os
import platform
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog

from flyte_bus.leftovers import clear_leftovers
from flyte_bus.process import is_alive
from flyte_executor.backends.left_words import LeftWords
from flyte_executor.backends.port import Gone, Launch, LaunchFailed, OnGone
from flyte_executor.backends.processes import end, ended
from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey

log = structlog.get_logger()

LAUNCH_TIMEOUT_S = 30.0
"""The longest that the zygote takes to fork, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What an agent says of itself while it lives."""

    attempt: AttemptKey
    pid: int
    started: str
    host: str

    @property
    def worker(self) -> str:
        return f"{self.host}/{self.pid}"


class ProcessBackend:
    """The port `Backend` on one machine. `folder` holds the records; `grace_s` is from SIGTERM to SIGKILL.

    `words` are those that dead agents have left, `work` is where they worked.
    """

    def __init__(self, folder: Path, *, grace_s: float, words: LeftWords, work: Path) -> None:
        self._folder = folder
        self._grace_s = grace_s
        self._words = words
        self._work = work
        self._is_closing = False
        self._zygote: asyncio.subprocess.Process | None = None
        self._zygote_lock = asyncio.Lock()
        self._live: dict[AttemptKey, dict[int, str]] = {}
        self._launches: set[asyncio.Task[None]] = set()
        self._watches: set[asyncio.Task[None]] = set()

    async def start(self, on_gone: OnGone) -> frozenset[AttemptKey]:
        self._on_gone = on_gone
        self._folder.mkdir(parents=True, exist_ok=True)
        self._adopt()
        self._spawn("words left", self._words.deliver())  # also of those that left no record
        await self._warm_zygote()  # it loads what agents need while nobody waits for it yet
        return frozenset(self._live)

    async def launch(self, launch: Launch) -> None:
        """See `Backend.launch`. Once begun it is finished, so that no agent is forked and then forgotten."""
        task = asyncio.create_task(self._launch(launch), name=f"launch {launch.attempt}")
        self._launches.add(task)
        task.add_done_callback(self._launches.discard)
        await asyncio.shield(task)

    async def stop_attempt(self, attempt: AttemptKey) -> None:
        pids = self._live.get(attempt, {})
        if pids:
            await asyncio.gather(*(self._end(pid, started) for pid, started in tuple(pids.items())))

    async def close(self, *, stop_attempts: bool) -> None:
        await asyncio.gather(*self._launches, return_exceptions=True)
        self._is_closing = True
        if stop_attempts:
            await asyncio.gather(*(self.stop_attempt(attempt) for attempt in tuple(self._live)))
        for task in tuple(self._watches):
            task.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        if self._zygote is not None:
            await _finish(self._zygote, self._grace_s)

    async def _launch(self, launch: Launch) -> None:
        async with self._zygote_lock:
            if self._live.get(launch.attempt):
                return
            run = launch.attempt.action.run
            order = {
                "project": run.project,
                "domain": run.domain,
                "run": run.run,
                "action": launch.attempt.action.action,
                "attempt": launch.attempt.attempt,
                "fence": launch.fence,
            }
            pid, started = await self._fork(order)
            self._watch(Record(attempt=launch.attempt, pid=pid, started=started, host=platform.node()))

    async def _fork(self, order: dict[str, object]) -> tuple[int, str]:
        """Have the zygote fork an agent; a zygote that died is replaced, once. Raises LaunchFailed."""
        for _ in range(2):
            answer = await self._ask_zygote(orjson.dumps(order) + b"\n")
            if answer is not None:
                if "error" in answer:
                    raise LaunchFailed(f"the zygote could not fork an agent: {answer['error']}")
                return int(answer["pid"]), str(answer["started"])
            self._adopt()  # it may have forked one, and died before it said so
        raise LaunchFailed("the agent's zygote cannot be started: see its words in the executor's log")

    async def _ask_zygote(self, line: bytes) -> dict[str, Any] | None:
        """The zygote's answer; None when it has none, and then it is gone. Raises LaunchFailed."""
        try:
            zygote = await self._warm_zygote()
        except OSError as error:
            raise LaunchFailed(f"the agent's zygote cannot be started: {error}") from error
        assert zygote.stdin is not None and zygote.stdout is not None
        try:
            zygote.stdin.write(line)
            await zygote.stdin.drain()
            reply = await asyncio.wait_for(zygote.stdout.readline(), LAUNCH_TIMEOUT_S)
            answer: dict[str, Any] = orjson.loads(reply)
            return answer
        except (ConnectionError, TimeoutError, ValueError):  # gone, stuck, or gone in the middle of a word
            log.warning("executor.zygote.died", code=zygote.returncode)
            await _finish(zygote, 0.0)
            self._zygote = None
            return None

    async def _warm_zygote(self) -> asyncio.subprocess.Process:
        if self._zygote is None or self._zygote.returncode is not None:
            self._zygote = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "flyte_agent",
                "zygote",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        return self._zygote

    def _adopt(self) -> None:
        """Watch the agents that run and that we do not know; tell of those that have died meanwhile."""
        for path in self._folder.glob("*.json"):
            record = read_record(path)
            if record is None:
                path.unlink(missing_ok=True)
            elif record.host != platform.node():
                continue  # another machine's, in a folder that is shared
            elif not is_alive(record.pid, record.started):
                self._spawn(f"bury {record.attempt}", self._bury(record))
            elif record.pid not in self._live.get(record.attempt, {}):
                self._watch(record)

    def _watch(self, record: Record) -> None:
        self._live.setdefault(record.attempt, {})[record.pid] = record.started
        self._spawn(f"watch {record.attempt}", self._until_gone(record))

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def _until_gone(self, record: Record) -> None:
        await ended(record.pid, record.started)
        pids = self._live.get(record.attempt, {})
        pids.pop(record.pid, None)
        if not pids:
            self._live.pop(record.attempt, None)
        await self._bury(record)

    async def _bury(self, record: Record) -> None:
        """Say what the agent could not say any more, then that it is gone."""
        await self._words.deliver()
        if self._is_closing:
            return  # its record, if it left one, tells the next executor
        await self._on_gone(
            Gone(attempt=record.attempt, worker=record.worker, reason=f"process {record.pid} ended")
        )
        left = self._folder / f"{record.pid}.json"
        if read_record(left) == record:  # it was killed, and could not clear it away itself
            left.unlink(missing_ok=True)
            await asyncio.to_thread(clear_leftovers, self._work)

    async def _end(self, pid: int, started: str) -> None:
        if await end(pid, started, self._grace_s):
            log.warning("executor.attempt.killed", pid=pid, grace_s=self._grace_s)


def read_record(path: Path) -> Record | None:
    """What a record says; None when it is not one (or half of one)."""
    try:
        document = orjson.loads(path.read_bytes())
        run = RunKey(document["project"], document["domain"], document["run"])
        action = ActionKey(run, document["action"])
        attempt = AttemptKey(action, int(document["attempt"]))
        return Record(
            attempt=attempt,
            pid=int(document["pid"]),
            started=str(document["started"]),
            host=str(document["host"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


async def _finish(process: asyncio.subprocess.Process, grace_s: float) -> None:
    """End the zygote: close its input, wait, then kill."""
    if process.stdin is not None:
        process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await process.stdin.wait_closed()
    try:
        await asyncio.wait_for(process.wait(), grace_s)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()
