"""Keeps the read model up with the log: follows TASKS and RUNS, and folds them in transactions.

SQLite has a thread of its own, in which transactions and questions take turns, so that neither blocks
the event loop and no question sees half a transaction.
"""

import asyncio
import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from copy import deepcopy
from functools import partial
from time import perf_counter
from typing import TypeVar

import structlog

from flyte_bus.errors import BusUnavailable
from flyte_bus.ports import Bus, Entry
from flyte_bus.service import reject
from flyte_registry.core.pace import Pace, eta_s
from flyte_registry.core.position import Position
from flyte_registry.core.rows import RunRow, concerns_run, fold_run, task_row
from flyte_registry.read_model import DiskFull, ReadModel
from flyte_registry.run_table import UNREADABLE
from flyte_registry.seal_table import unsealed_of
from flyte_registry.settings import SERVICE, Clock, RegistrySettings
from flyte_schemas.envelope import Malformed
from flyte_schemas.overview import StreamProgress
from flyte_schemas.streams import RUNS, TASKS, StreamSpec
from flyte_schemas.subjects import RunKey, parse_action

FOLLOWED = (TASKS, RUNS)

log = structlog.get_logger()

PAUSE_S = 0.02
"""Between two transactions: one for many events costs little more than one for a single event."""
TELL_S = 5.0
"""While there is much to read, so often it is told how much was read."""

OnRuns = Callable[[Mapping[RunKey, tuple[int, bool]]], None]
"""By run, how many events it has more, and whether its root has ended."""

RECENT = 2_000
"""So many runs are kept in memory as they were written."""

T = TypeVar("T")


class Projection:
    """The read model, and the loops that feed it. Times in seconds."""

    def __init__(self, bus: Bus, settings: RegistrySettings, clock: Clock) -> None:
        self._bus = bus
        self._settings = settings
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-model")
        self._model: ReadModel | None = None
        self._positions: dict[str, Position] = {}
        self._as_of = {stream.name: 0 for stream in FOLLOWED}
        self._paces = {stream.name: Pace() for stream in FOLLOWED}
        self._recent: dict[RunKey, RunRow] = {}
        self.on_runs: OnRuns | None = None
        """Whom to tell of events of runs, once they are in the model; they are kept there until sealed."""
        self._touched: dict[RunKey, tuple[int, bool]] = {}
        self._moved = asyncio.Condition()
        self._awaited = asyncio.Event()
        self._took = bus.meter.histogram(
            "flyte_registry_transaction_seconds", "One batch of the log, taken into the read model.", "stream"
        )

    async def open(self) -> None:
        """Open the file; empty it when it does not belong to this log. Raises ReadModelInUse."""
        self._model = await self._in_thread(ReadModel, self._settings.read_model_file)
        positions = {stream.name: await self.ask(_position_in(stream)) for stream in FOLLOWED}
        ends = {stream.name: await self._bus.log.last_sequence(stream) for stream in FOLLOWED}
        for stream in FOLLOWED:
            if not await self._is_of_this_log(stream, positions[stream.name], ends[stream.name]):
                log.warning("registry.read_model.rebuilt", stream=stream.name)
                await self.ask(ReadModel.clear)
                positions = {stream.name: Position() for stream in FOLLOWED}
                break
        for name, position in positions.items():
            position.settled = ends[name]
            self._as_of[name] = position.as_of
            self._paces[name].note(time.monotonic(), position.as_of)
        self._positions = positions

    async def close(self) -> None:
        """Close the file, after the transaction that is under way."""
        if self._model is not None:
            await self.ask(ReadModel.close)
            self._model = None
        self._thread.shutdown()

    async def follow(self, stream: StreamSpec) -> None:
        """Fold the stream into the model until cancelled."""
        entries: asyncio.Queue[Entry] = asyncio.Queue(self._settings.max_batch)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fetch(stream, entries))
            group.create_task(self._fold(stream, entries))
            group.create_task(self._tell(stream))

    async def ask(self, question: Callable[[ReadModel], T]) -> T:
        """Put a question to the model, in its thread."""
        assert self._model is not None, "the read model is not open"
        return await self._in_thread(question, self._model)

    async def ask_as_of(self, stream: StreamSpec, question: Callable[[ReadModel], T]) -> tuple[T, int]:
        """The same, with the place of the stream up to which all is in the answer."""

        def asked(model: ReadModel) -> tuple[T, int]:
            return question(model), self._positions[stream.name].as_of

        return await self.ask(asked)

    async def progress(self, stream: StreamSpec) -> StreamProgress:
        """How far the stream is read now."""
        end = await self._bus.log.last_sequence(stream)
        as_of = min(self._as_of[stream.name], end)
        per_s = self._paces[stream.name].per_s(time.monotonic(), as_of) if as_of < end else 0.0
        return StreamProgress(
            stream=stream.name, as_of=as_of, end=end, per_s=per_s, eta_s=eta_s(end - as_of, per_s)
        )

    @property
    def places(self) -> dict[str, int]:
        """Up to where the model has seen each stream."""
        return dict(self._as_of)

    async def reach(self, stream: StreamSpec, sequence: int, patience_s: float) -> int:
        """Wait until the model has seen this place of the stream; return the place that it has seen."""
        self._awaited.set()
        return await self._arrive(stream, sequence, patience_s)

    async def _arrive(self, stream: StreamSpec, sequence: int, patience_s: float) -> int:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s), self._moved:
                await self._moved.wait_for(lambda: self._as_of[stream.name] >= sequence)
        return self._as_of[stream.name]

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _is_of_this_log(self, stream: StreamSpec, position: Position, end: int) -> bool:
        """Whether the entry where reading stopped is still the one that stood there."""
        if max((position.as_of, *position.ahead)) > end:
            return False
        if position.as_of == 0:
            return True
        reader = self._bus.log.read(stream, stream.subjects[0], after=position.as_of - 1)
        async with aclosing(reader) as entries:
            async for entry in entries:
                return entry.sequence == position.as_of and _mark(entry) == position.mark
        return False

    async def _fetch(self, stream: StreamSpec, entries: asyncio.Queue[Entry]) -> None:
        after = self._positions[stream.name].as_of
        async with aclosing(self._bus.log.follow(stream, stream.subjects[0], after=after)) as follower:
            async for entry in follower:
                await entries.put(entry)
        raise BusUnavailable(f"the log of {stream.name} can no longer be followed")

    async def _tell(self, stream: StreamSpec) -> None:
        """While what was in the log at the start is being read, say how much of it was."""
        began, first = time.monotonic(), self._as_of[stream.name]
        total = self._positions[stream.name].settled
        while (read := self._as_of[stream.name]) < total:
            await self._arrive(stream, total, TELL_S)
            if (read := self._as_of[stream.name]) < total:
                per_s = self._paces[stream.name].per_s(time.monotonic(), read)
                eta = eta_s(total - read, per_s)
                log.info(
                    "registry.read_model.reading",
                    stream=stream.name,
                    read=read,
                    total=total,
                    per_s=round(per_s),
                    eta_s=None if eta is None else round(eta),
                )
        if read > first:
            took = time.monotonic() - began
            log.info(
                "registry.read_model.read",
                stream=stream.name,
                read=read - first,
                per_s=round((read - first) / took),
                took_s=round(took, 1),
            )

    async def _fold(self, stream: StreamSpec, entries: asyncio.Queue[Entry]) -> None:
        while True:
            batch = [await entries.get()]
            while not entries.empty():
                batch.append(entries.get_nowait())
            for entry in batch:
                if isinstance(entry.content, Malformed):
                    await reject(self._bus, entry, str(entry.content), by=SERVICE, now=self._clock())
            began = perf_counter()
            as_of = await self._take_in_once_there_is_room(stream, batch)
            self._took.child(stream.name).since(began)
            touched, self._touched = self._touched, {}
            if self.on_runs is not None and touched:
                self.on_runs(touched)
            async with self._moved:
                self._as_of[stream.name] = as_of
                self._paces[stream.name].note(time.monotonic(), as_of)
                self._moved.notify_all()
            await self._gather_more()

    async def _gather_more(self) -> None:
        """Let some more come for the next transaction, unless somebody waits for it."""
        self._awaited.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_S):
                await self._awaited.wait()

    async def _take_in_once_there_is_room(self, stream: StreamSpec, batch: Sequence[Entry]) -> int:
        is_told = False
        while True:
            try:
                return await self.ask(partial(self._take_in, stream, batch))
            except DiskFull as error:
                if not is_told:
                    log.error(
                        "registry.disk.full", reason=str(error), file=str(self._settings.read_model_file)
                    )
                    is_told = True
                await asyncio.sleep(self._settings.retry_delay_s)

    def _take_in(self, stream: StreamSpec, batch: Sequence[Entry], model: ReadModel) -> int:
        """One transaction: the entries that are new, and the place that they reach."""
        position = deepcopy(self._positions[stream.name])
        rows: dict[RunKey, RunRow] = {}
        touched: dict[RunKey, tuple[int, bool]] = {}
        with model.transaction():
            new = [entry for entry in batch if position.admit(entry.sequence, _mark(entry))]
            if stream == TASKS:
                _take_in_tasks(model, new)
            else:
                rows = self._take_in_runs(model, new)
                touched = self._keep_for_seals(model, new, rows)
            model.put_position(stream.name, position)
        self._positions[stream.name] = position
        self._touched |= touched
        self._remember(rows)
        return position.as_of

    def _take_in_runs(self, model: ReadModel, entries: Sequence[Entry]) -> dict[RunKey, RunRow]:
        """Fold the entries into the rows of their runs; these rows.

        A run that cannot be read or written stays as it was: it must not keep the others from being read.
        """
        rows: dict[RunKey, RunRow] = {}
        left: set[RunKey] = set()
        for entry in entries:
            key = parse_action(entry.subject)
            if key is None or isinstance(entry.content, Malformed) or not concerns_run(key, entry.content):
                continue
            run = key.run
            if run in left:
                continue
            with _leaving(run, left):
                row = rows.get(run) or self._recent.get(run) or model.runs.get(run) or RunRow(key=run)
                rows[run] = fold_run(row, key, entry.content, entry.sequence)
        for run, row in rows.items():
            if run not in left:
                with _leaving(run, left):
                    model.runs.put(row)
        return {run: row for run, row in rows.items() if run not in left}

    def _keep_for_seals(
        self, model: ReadModel, entries: Sequence[Entry], rows: Mapping[RunKey, RunRow]
    ) -> dict[RunKey, tuple[int, bool]]:
        """Note the events that are to be sealed; what there is to tell of their runs."""
        if self.on_runs is None:
            return {}
        events = [one for one in map(unsealed_of, entries) if one is not None]
        model.seals.add(events)
        found: dict[RunKey, tuple[int, bool]] = {}
        for run, count in Counter(run for run, _ in events).items():
            found[run] = (count, False)
            with _leaving(run, set()):
                row = rows.get(run) or self._recent.get(run) or model.runs.get(run)
                found[run] = (count, row is not None and row.root.is_terminal)
        return found

    def _remember(self, rows: dict[RunKey, RunRow]) -> None:
        """The runs that were written last are likely to be written next: they need not be read for it."""
        for key, row in rows.items():
            self._recent.pop(key, None)
            self._recent[key] = row
        while len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]


@contextlib.contextmanager
def _leaving(run: RunKey, left: set[RunKey]) -> Iterator[None]:
    """Go on without a run that fails, and say so."""
    try:
        yield
    except UNREADABLE:
        left.add(run)
        log.error("registry.run.unreadable", run=str(run), exc_info=True)


def _take_in_tasks(model: ReadModel, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if isinstance(entry.content, Malformed):
            continue
        row = task_row(entry.subject, entry.content, entry.sequence)
        if row is not None:
            model.tasks.put(row)


def _position_in(stream: StreamSpec) -> Callable[[ReadModel], Position]:
    return lambda model: model.position(stream.name)


def _mark(entry: Entry) -> str:
    """What tells this entry from another that could stand at its place."""
    return hashlib.sha256(entry.raw).hexdigest()[:16]
