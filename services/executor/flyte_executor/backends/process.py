"""Attempts as processes on this machine, forked by a warm zygote.

The zygote (`flyte-agent zygote`) has the interpreter and the SDK loaded and forks an agent for each line it
reads. Agents live in sessions of their own and outlast the executor: each keeps a record (a small file)
while it lives, and an executor that comes back finds them by these records. The record of one that was killed
tells of its loss. Before a loss is told, what the agent had yet to say is delivered.

An agent may be a worker of a pool: it gets one attempt after the other (`flyte_executor.backends.workers`).
"""

import asyncio
import contextlib
import hashlib
import os
import platform
import signal
import sys
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import structlog

from flyte_bus.leftovers import clear_leftovers
from flyte_bus.ports import Bus, Server
from flyte_bus.process import is_alive, process_name
from flyte_bus.secrets.mounts import clear_mounts
from flyte_executor.backends.handing import Handing
from flyte_executor.backends.left_words import LeftWords
from flyte_executor.backends.port import Gone, Launch, LaunchFailed, OnGone, OnWaiting, order_for
from flyte_executor.backends.processes import end, ended
from flyte_executor.backends.stopping import stopped_inside
from flyte_executor.backends.told import told_to_agents
from flyte_executor.backends.workers import Worker, Workers
from flyte_executor.clock import elapsed
from flyte_schemas.endpoints import TakeWork, WorkGiven, take_work_endpoint
from flyte_schemas.orders import Commission, Order, PoolOrder
from flyte_schemas.subjects import AttemptKey

log = structlog.get_logger()

LAUNCH_TIMEOUT_S = 30.0
"""The longest that the zygote takes to fork, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What an agent says of itself while it lives: a worker of `pool` may have no order, or several."""

    orders: tuple[Order, ...]
    pool: str | None = None
    pid: int
    started: str
    host: str

    @property
    def order(self) -> Order | None:
        """The first of them."""
        return next(iter(self.orders), None)

    @property
    def worker(self) -> str:
        return f"{self.host}/{self.pid}"


class ProcessBackend:
    """The port `Backend` on one machine. `folder` holds the records; `grace_s` is from SIGTERM to SIGKILL.

    `words` are those that dead agents have left, `work` is where they worked. Workers ask for work on `bus`.
    `handing` lets each agent in by credentials of its own; None: agents are whom our variables say.
    """

    def __init__(
        self,
        folder: Path,
        *,
        grace_s: float,
        words: LeftWords,
        work: Path,
        bus: Bus,
        handing: Handing | None = None,
    ) -> None:
        self._handing = handing
        self._place_of: dict[str, tuple[str, str]] = {}
        self._folder = folder
        self._grace_s = grace_s
        self._words = words
        self._work = work
        self._bus = bus
        self._is_closing = False
        self._zygote: asyncio.subprocess.Process | None = None
        self._zygote_lock = asyncio.Lock()
        self._live: dict[AttemptKey, dict[int, str]] = {}
        self._names = (f"e{uuid4().hex}", _site(folder))
        owner, site = self._names
        self._workers = Workers(self._make_worker, self._lose, owner=owner, site=site, now=elapsed)
        self._servers: list[Server] = []
        self._launches: set[asyncio.Task[None]] = set()
        self._watches: set[asyncio.Task[None]] = set()

    @property
    def workers(self) -> Workers:
        """Those of its pools."""
        return self._workers

    async def start(self, on_gone: OnGone, on_waiting: OnWaiting) -> frozenset[AttemptKey]:
        self._on_gone = on_gone
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._handing is not None:
            self._handing.start()
        self._adopt()
        self._spawn("words left", self._words.deliver())  # also of those that left no record
        await self._warm_zygote()  # it loads what agents need while nobody waits for it yet
        for name in self._names:
            self._servers.append(await self._bus.serve(take_work_endpoint(name), self._take))
        return frozenset(self._live) | self._workers.attempts

    async def launch(self, launch: Launch) -> None:
        """See `Backend.launch`. Once begun it is finished, so that no agent is forked and then forgotten."""
        order = order_for(launch)
        if launch.pool is not None:
            self._place_of[launch.pool.name] = order.project, order.domain
            self._workers.give(launch.work, launch.pool, launch.most_workers)
            return
        task = asyncio.create_task(self._launch(launch, order), name=f"launch {launch.attempt}")
        self._launches.add(task)
        task.add_done_callback(self._launches.discard)
        await asyncio.shield(task)

    async def stop_attempt(self, attempt: AttemptKey) -> None:
        self._workers.take_back(attempt)
        pids = dict(self._live.get(attempt, {}))
        worker = self._workers.of_attempt(attempt)
        runs_it = worker is not None and self._may_run(worker.name, attempt)
        if worker is not None and runs_it and not await self._stop_in(worker, attempt):
            worker.is_ending = True
            pids |= [_process(worker.name)]
        if pids:
            await asyncio.gather(*(self._end(pid, started) for pid, started in pids.items()))

    async def _stop_in(self, worker: Worker, attempt: AttemptKey) -> bool:
        """Have a worker that runs several at a time end one; False when that is not done within the grace."""
        if not await stopped_inside(self._bus, self._names[1], worker, attempt, grace_s=self._grace_s):
            return False
        if worker.work.pop(attempt, None) is not None and not self._is_closing:
            name = f"{platform.node()}/{_process(worker.name)[0]}"
            await self._on_gone(Gone(attempt=attempt, worker=name, reason="it was told to stop"))
        return True

    async def close(self, *, stop_attempts: bool) -> None:
        await asyncio.gather(*self._launches, return_exceptions=True)
        self._is_closing = True
        ending = [_process(worker.name) for worker in self._workers.let_idle_end()]
        await asyncio.gather(*(self._end(pid, started) for pid, started in ending))
        if stop_attempts:
            working = [_process(worker.name) for worker in self._workers.let_all_end()]
            await asyncio.gather(
                *(self.stop_attempt(attempt) for attempt in set(self._live)),
                *(self._end(pid, started) for pid, started in working),
            )
        await self._workers.close()
        for server in self._servers:
            await server.stop()
        for task in tuple(self._watches):
            task.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        if self._zygote is not None:
            await _finish(self._zygote, self._grace_s)
        if self._handing is not None:
            await self._handing.stop()

    async def _launch(self, launch: Launch, order: Order) -> None:
        async with self._zygote_lock:
            if self._live.get(order.key):
                return
            file = None if self._handing is None else self._handing.of_launch(launch)
            pid, started = await self._fork(order, file)
            self._watch(Record(orders=(order,), pid=pid, started=started, host=platform.node()))

    async def _make_worker(self, order: PoolOrder) -> str:
        async with self._zygote_lock:
            file = None if self._handing is None else self._handing.place()
            name = process_name(*await self._fork(order, file))
        if self._handing is not None and file is not None:  # its name is known only now, and it waits
            self._handing.to_worker(file, self._place_of[order.pool], order.pool, name)
        self._spawn(f"watch worker {name}", self._until_worker_gone(name))
        return name

    async def _take(self, question: TakeWork) -> WorkGiven:
        """A worker asks; one that is not known was another executor's, who is gone."""
        if question.worker not in self._workers.names:
            record = read_record(self._folder / f"{_process(question.worker)[0]}.json")
            is_another = record is not None and record.pool != question.pool
            if self._is_closing or is_another or not is_alive(*_process(question.worker)):
                return WorkGiven(owner=self._names[0], end=True)
            self._watch_worker(question.worker, question.pool, question.has)
        return await self._workers.take(question)

    async def _fork(self, order: Order | PoolOrder, file: Path | None) -> tuple[int, str]:
        """Have the zygote fork an agent; a zygote that died is replaced, once. Raises LaunchFailed."""
        said = Commission(order=order, credentials="" if file is None else str(file))
        for _ in range(2):
            answer = await self._ask_zygote(said.model_dump_json().encode() + b"\n")
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
                env=told_to_agents(os.environ, None if self._handing is None else self._handing.spares),
            )
        return self._zygote

    def _adopt(self) -> None:
        """Watch the agents that run and that we do not know; tell of those that have died meanwhile."""
        for path in self._folder.glob("*.json"):
            record = read_record(path) or read_record(path)  # it may have been written to in that moment
            if record is None:
                path.unlink(missing_ok=True)
            elif record.host != platform.node():
                continue  # another machine's, in a folder that is shared
            elif not is_alive(record.pid, record.started):
                lost = [order.key for order in record.orders]
                self._spawn(f"bury {record.worker}", self._bury(record.pid, record.worker, lost))
            elif record.pool is not None:
                name = process_name(record.pid, record.started)
                if name not in self._workers.names:
                    self._watch_worker(name, record.pool, record.orders)
            elif record.order is not None and record.pid not in self._live.get(record.order.key, {}):
                self._watch(record)

    def _watch(self, record: Record) -> None:
        assert record.order is not None
        self._live.setdefault(record.order.key, {})[record.pid] = record.started
        self._spawn(f"watch {record.order.key}", self._until_gone(record, record.order.key))

    def _watch_worker(self, name: str, pool: str, has: Iterable[Order]) -> None:
        self._workers.add(name, pool, has)
        self._spawn(f"watch worker {name}", self._until_worker_gone(name))

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def _until_gone(self, record: Record, attempt: AttemptKey) -> None:
        await ended(record.pid, record.started)
        pids = self._live.get(attempt, {})
        pids.pop(record.pid, None)
        if not pids:
            self._live.pop(attempt, None)
        await self._bury(record.pid, record.worker, [attempt])

    async def _until_worker_gone(self, name: str) -> None:
        pid, started = _process(name)
        await ended(pid, started)
        record = read_record(self._folder / f"{pid}.json")  # it is still there when the worker was killed
        is_told = record is not None and record.started == started
        ran = record.orders if record is not None and is_told else ()
        lost = self._workers.gone(name, ran=ran, is_told=is_told)
        await self._bury(pid, f"{platform.node()}/{pid}", lost)

    async def _lose(self, attempts: list[AttemptKey], error: LaunchFailed) -> None:
        """No worker could be made for these."""
        for attempt in attempts:
            await self._on_gone(Gone(attempt=attempt, worker="", reason=str(error)))

    def _may_run(self, name: str, attempt: AttemptKey) -> bool:
        """Whether a worker may run this attempt now, of all that it was given: it notes that beforehand."""
        record = read_record(self._folder / f"{_process(name)[0]}.json")
        return record is None or any(order.key == attempt for order in record.orders)

    async def _bury(self, pid: int, worker: str, attempts: Iterable[AttemptKey]) -> None:
        """Say what the agent could not say any more, then that it is gone."""
        await self._words.deliver()
        if self._is_closing:
            return  # its record, if it left one, tells the next executor
        for attempt in attempts:
            if not await self._on_gone(Gone(attempt=attempt, worker=worker, reason=f"process {pid} ended")):
                return
        left = self._folder / f"{pid}.json"
        record = read_record(left)
        if record is not None and record.worker == worker and not is_alive(pid, record.started):
            left.unlink(missing_ok=True)  # it was killed, and could not clear it away itself
            await asyncio.to_thread(clear_leftovers, self._work)
            await asyncio.to_thread(clear_mounts, self._work.parent)

    async def _end(self, pid: int, started: str) -> None:
        if await end(pid, started, self._grace_s):
            log.warning("executor.attempt.killed", pid=pid, grace_s=self._grace_s)


def read_record(path: Path) -> Record | None:
    """What a record says; None when it is not one (or half of one)."""
    try:
        document = orjson.loads(path.read_bytes())
        said = {name: document[name] for name in Order.model_fields if name in document}
        pool, beside = document.get("pool"), document.get("beside", ())
        if not said and pool is None:
            return None
        return Record(
            orders=tuple(Order.model_validate(one) for one in (said, *beside) if one),
            pool=None if pool is None else str(pool),
            pid=int(document["pid"]),
            started=str(document["started"]),
            host=str(document["host"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _process(worker: str) -> tuple[int, str]:
    """The process that is a worker, by its name: its number, and when it began."""
    pid, _, started = worker.partition("-")
    return (int(pid), started) if pid.isdecimal() else (0, "")


def _site(folder: Path) -> str:
    """What all executors of this machine call the place where these agents run."""
    place = f"{platform.node()}:{folder.resolve()}"
    return f"s{hashlib.sha256(place.encode()).hexdigest()[:16]}"


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
