"""Attempts as processes on this machine, forked by a warm zygote.

The zygote (`flyte-agent zygote`) has the interpreter and the SDK loaded and forks an agent for each line it
reads. Agents live in sessions of their own and outlast the executor: each keeps a record (a small file)
while it lives, and an executor that comes back finds them by these records.
"""

import asyncio
import contextlib
import os
import platform
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import orjson
import structlog

from flyte_bus.process import is_alive
from flyte_executor.backends.port import Gone, Launch, LaunchFailed, OnGone
from flyte_executor.backends.processes import ended, send
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

    @property
    def worker(self) -> str:
        return f"{platform.node()}/{self.pid}"


class ProcessBackend:
    """The port `Backend` on one machine. `folder` holds the records; `grace_s` is from SIGTERM to SIGKILL."""

    def __init__(self, folder: Path, *, grace_s: float) -> None:
        self._folder = folder
        self._grace_s = grace_s
        self._zygote: asyncio.subprocess.Process | None = None
        self._zygote_lock = asyncio.Lock()
        self._live: dict[AttemptKey, dict[int, str]] = {}
        self._watches: set[asyncio.Task[None]] = set()

    async def start(self, on_gone: OnGone) -> frozenset[AttemptKey]:
        self._on_gone = on_gone
        self._folder.mkdir(parents=True, exist_ok=True)
        for record in self._records():
            self._watch(record)
        await self._warm_zygote()  # it loads what agents need while nobody waits for it yet
        return frozenset(self._live)

    async def launch(self, launch: Launch) -> None:
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
        self._watch(Record(attempt=launch.attempt, pid=pid, started=started))

    async def stop_attempt(self, attempt: AttemptKey) -> None:
        pids = self._live.get(attempt, {})
        if pids:
            await asyncio.gather(*(self._end(pid, started) for pid, started in tuple(pids.items())))

    async def close(self, *, stop_attempts: bool) -> None:
        if stop_attempts:
            await asyncio.gather(*(self.stop_attempt(attempt) for attempt in tuple(self._live)))
        for task in tuple(self._watches):
            task.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        if self._zygote is not None:
            await _finish(self._zygote, self._grace_s)

    async def _fork(self, order: dict[str, object]) -> tuple[int, str]:
        """Have the zygote fork an agent; a zygote that died is replaced, once."""
        async with self._zygote_lock:
            for _ in range(2):
                zygote = await self._warm_zygote()
                assert zygote.stdin is not None and zygote.stdout is not None
                try:
                    zygote.stdin.write(orjson.dumps(order) + b"\n")
                    await zygote.stdin.drain()
                    line = await asyncio.wait_for(zygote.stdout.readline(), LAUNCH_TIMEOUT_S)
                except (ConnectionError, TimeoutError):
                    line = b""
                if line:
                    answer = orjson.loads(line)
                    return int(answer["pid"]), str(answer["started"])
                log.warning("executor.zygote.died", code=zygote.returncode)
                await _finish(zygote, 0.0)
                self._zygote = None
        raise LaunchFailed("the agent's zygote cannot be started: see its words in the executor's log")

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

    def _records(self) -> list[Record]:
        """The agents of an earlier life that still run; records of dead ones are cleared away."""
        found = []
        for path in self._folder.glob("*.json"):
            record = read_record(path)
            if record is not None and is_alive(record.pid, record.started):
                found.append(record)
            else:
                path.unlink(missing_ok=True)
        return found

    def _watch(self, record: Record) -> None:
        self._live.setdefault(record.attempt, {})[record.pid] = record.started
        task = asyncio.create_task(self._until_gone(record), name=f"watch {record.attempt}")
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def _until_gone(self, record: Record) -> None:
        await ended(record.pid, record.started)
        pids = self._live.get(record.attempt, {})
        pids.pop(record.pid, None)
        if not pids:
            self._live.pop(record.attempt, None)
        await self._on_gone(
            Gone(attempt=record.attempt, worker=record.worker, reason=f"process {record.pid} ended")
        )

    async def _end(self, pid: int, started: str) -> None:
        send(pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(ended(pid, started), self._grace_s)
        except TimeoutError:
            log.warning("executor.attempt.killed", pid=pid, grace_s=self._grace_s)
            send(pid, signal.SIGKILL, group=True)
            await ended(pid, started)


def read_record(path: Path) -> Record | None:
    """What a record says; None when it is not one (or half of one)."""
    try:
        document = orjson.loads(path.read_bytes())
        run = RunKey(document["project"], document["domain"], document["run"])
        action = ActionKey(run, document["action"])
        attempt = AttemptKey(action, int(document["attempt"]))
        return Record(attempt=attempt, pid=int(document["pid"]), started=str(document["started"]))
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
