"""Seals runs: when one is over and quiet, when it has many events, and when it has waited for long.

What has no seal is in the read model's file, taken in together with the place in the log. A seal is appended
expecting the last one of its run, which is compared first with what was read here: so the sealer may die at
any point, two of them may run, and what contradicts an earlier seal is told and never signed.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from flyte_bus.errors import BusError, Conflict
from flyte_bus.identity.keys import KeyPair
from flyte_bus.ports import Bus, Entry
from flyte_registry.projection import Projection
from flyte_registry.read_model import ReadModel
from flyte_registry.seal_table import Standing, Unsealed
from flyte_registry.settings import SERVICE, Clock, RegistrySettings
from flyte_schemas.envelope import Event, Malformed
from flyte_schemas.seals import MAX_MARKS, RunSealed, signed_bytes
from flyte_schemas.streams import RUNS, SEALS
from flyte_schemas.subjects import RunKey, seal_subject

log = structlog.get_logger()


@dataclass(slots=True)
class _Waiting:
    """A run with events that have no seal: since when, how many, and whether its root has ended."""

    since: float
    last: float
    count: int = 0
    is_over: bool = False


class Sealer:
    """Signs what the projection has read. Times in seconds."""

    def __init__(
        self, bus: Bus, projection: Projection, key: KeyPair, settings: RegistrySettings, clock: Clock
    ) -> None:
        self._bus = bus
        self._projection = projection
        self._key = key
        self._settings = settings
        self._clock = clock
        self._waiting: dict[RunKey, _Waiting] = {}
        self._broken: set[RunKey] = set()
        self._news = asyncio.Event()
        meter = bus.meter
        self._sealed = meter.counter(
            "flyte_registry_seals_total", "Seals, by what became of them.", "outcome"
        )
        meter.number(
            "flyte_registry_runs_to_seal", "Runs with events that have no seal.", lambda: len(self._waiting)
        )

    @property
    def public_key(self) -> str:
        """By which others know its signature."""
        return self._key.public

    def note(self, runs: Mapping[RunKey, tuple[int, bool]]) -> None:
        """By run, how many more events it has, and whether its root has ended."""
        now = asyncio.get_running_loop().time()
        for run, (events, is_over) in runs.items():
            waiting = self._waiting.setdefault(run, _Waiting(now, now))
            waiting.last, waiting.count, waiting.is_over = now, waiting.count + events, is_over
        self._news.set()

    async def run(self) -> None:
        """Seal for ever, what was left unsealed first."""
        self.note(await self._projection.ask(_left))
        while True:
            self._news.clear()
            for run in self._due():
                await self._seal_all(run)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.seal_quiet_s if self._waiting else None):
                    await self._news.wait()
            await asyncio.sleep(self._settings.seal_quiet_s / 2)

    def _due(self) -> list[RunKey]:
        now, settings = asyncio.get_running_loop().time(), self._settings
        return [
            run
            for run, one in self._waiting.items()
            if one.count >= settings.seal_every_events
            or now - one.since >= settings.seal_after_s
            or (one.is_over and now - one.last >= settings.seal_quiet_s)
        ]

    async def _seal_all(self, run: RunKey) -> None:
        waiting = self._waiting.pop(run)
        try:
            while await self._seal(run):
                pass
        except (BusError, OSError) as error:
            self._sealed.child("postponed").add()
            log.warning("registry.seal.postponed", run=str(run), reason=str(error))
            waiting.since = waiting.last = asyncio.get_running_loop().time()
            self._waiting.setdefault(run, waiting)

    async def _seal(self, run: RunKey) -> bool:
        """One seal, if there is something to seal; says whether there may be more."""
        last = await self._bus.log.last(SEALS, seal_subject(run))
        said = _said(last)
        standing, as_of = await self._projection.ask_as_of(RUNS, lambda model: model.seals.standing(run))
        if said is not None and said.through > as_of:
            raise BusError("the log has not been read so far as another registry has sealed it")
        if said is not None and not standing.is_of(said):
            found = await self._projection.ask(lambda model: _caught_up(model, run, standing, said))
            if found is None:
                return self._contradiction(run, said)
            standing = found
        events = await self._projection.ask(
            lambda model: model.seals.unsealed(run, upto=as_of, limit=MAX_MARKS)
        )
        if not events:
            return False
        await self._append(run, standing, events, 0 if last is None else last.sequence)
        return True

    async def _append(self, run: RunKey, standing: Standing, events: list[Unsealed], expected: int) -> None:
        after = standing.after(events)
        seal = RunSealed(
            through=after.through,
            count=after.count,
            head=after.head,
            marks=tuple(event.mark for event in events),
            key=self._key.public,
        )
        signature = self._key.sign(signed_bytes(run, seal)).hex()
        event = Event(
            id=f"{run}.sealed.{after.count}.{after.head[:16]}",
            source=f"/{SERVICE}",
            subject=seal_subject(run),
            time=self._clock(),
            data=seal.model_copy(update={"signature": signature}),
        )
        try:
            await self._bus.log.append(event, expected=expected)
        except Conflict as error:
            raise BusError("another registry has sealed it meanwhile") from error
        await self._projection.ask(lambda model: _put(model, run, after))
        self._sealed.child("sealed").add()
        log.debug("registry.run.sealed", run=str(run), events=after.count, through=after.through)

    def _contradiction(self, run: RunKey, said: RunSealed) -> bool:
        """What was read here is not what was sealed: nobody is to sign that."""
        if run not in self._broken:
            self._broken.add(run)
            self._sealed.child("contradicted").add()
            log.error("registry.seal.contradicted", run=str(run), count=said.count, through=said.through)
        return False


def _said(entry: Entry | None) -> RunSealed | None:
    if entry is None or isinstance(entry.content, Malformed):
        return None
    data = entry.content.data
    return data if isinstance(data, RunSealed) else None


def _left(model: ReadModel) -> dict[RunKey, tuple[int, bool]]:
    """The runs that have events without a seal, how many, and whether they are over."""
    rows = ((run, count, model.runs.get(run)) for run, count in model.seals.waiting())
    return {run: (count, row is not None and row.root.is_terminal) for run, count, row in rows}


def _caught_up(model: ReadModel, run: RunKey, standing: Standing, said: RunSealed) -> Standing | None:
    """The standing after a seal that was appended and not noted here; None when it contradicts the log."""
    covered = model.seals.unsealed(run, upto=said.through, limit=max(0, said.count - standing.count) + 1)
    after = standing.after(covered)
    if not after.is_of(said):
        return None
    _put(model, run, after)
    return after


def _put(model: ReadModel, run: RunKey, standing: Standing) -> None:
    with model.transaction():
        model.seals.put(run, standing)
