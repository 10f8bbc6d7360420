"""Seals runs: when one is over and quiet, when it has many events, and when it has waited for long.

What has no seal is in the read model's file, taken in together with the place in the log. A seal is appended
expecting the last one of its run that is known here; another one is first compared with what was read. So the
sealer may die at any point, two of them may run, and what contradicts an earlier seal is never signed.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from flyte_bus.errors import BusError, Conflict
from flyte_bus.identity.keys import KeyPair
from flyte_bus.ports import Bus
from flyte_registry.projection import Projection
from flyte_registry.read_model import ReadModel
from flyte_registry.seal_table import Standing, Unsealed
from flyte_registry.settings import SERVICE, Clock, RegistrySettings
from flyte_schemas.envelope import Event, Malformed
from flyte_schemas.seals import MAX_MARKS, RunSealed, signed_bytes
from flyte_schemas.streams import RUNS, SEALS
from flyte_schemas.subjects import RunKey, seal_subject

log = structlog.get_logger()

AT_A_TIME = 100
"""How many runs are sealed together: their seals are in one pipeline, their notes in one transaction."""


@dataclass(slots=True)
class _Waiting:
    """A run with events that have no seal: since when, how many, and whether its root has ended."""

    since: float
    last: float
    count: int = 0
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class _Next:
    """The next seal of a run: how far it was sealed before, what is added, and how far it is then."""

    run: RunKey
    standing: Standing
    events: list[Unsealed]
    after: Standing


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
            due = self._due()
            for start in range(0, len(due), AT_A_TIME):
                await self._seal_all(due[start : start + AT_A_TIME])
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

    async def _seal_all(self, runs: Sequence[RunKey]) -> None:
        """Seal all events of these runs; when that fails, they are tried again."""
        waiting = {run: self._waiting.pop(run) for run in runs}
        try:
            while runs:
                runs = await self._seal(runs)
        except (BusError, OSError) as error:
            self._sealed.child("postponed").add()
            log.warning("registry.seals.postponed", runs=len(waiting), reason=str(error))
            now = asyncio.get_running_loop().time()
            for run, one in waiting.items():
                one.since = one.last = now
                self._waiting.setdefault(run, one)

    async def _seal(self, runs: Sequence[RunKey]) -> list[RunKey]:
        """One seal each, where there is something to seal; those of which there may be more."""
        prepared = await self._projection.ask(lambda model: [_next(model, run) for run in runs])
        asked = [one for one in prepared if one.events]
        answers = await asyncio.gather(*map(self._append, asked), return_exceptions=True)
        sealed = {
            one.run: replace(one.after, sealed_at=answer)
            for one, answer in zip(asked, answers, strict=True)
            if isinstance(answer, int)
        }
        await self._projection.ask(lambda model: _put(model, sealed))
        self._sealed.child("sealed").add(len(sealed))
        more = [one.run for one in asked if one.run in sealed and len(one.events) == MAX_MARKS]
        for one, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Conflict):
                more += [one.run] * await self._catch_up(one.run)
            elif isinstance(answer, BaseException):
                raise answer
        return more

    async def _append(self, next_: "_Next") -> int:
        """Append the seal; where it stands. Raises Conflict, and the bus's errors."""
        return await self._bus.log.append(self._event(next_), expected=next_.standing.sealed_at)

    def _event(self, next_: "_Next") -> Event[RunSealed]:
        run, after = next_.run, next_.after
        seal = RunSealed(
            through=after.through,
            count=after.count,
            head=after.head,
            marks=tuple(event.mark for event in next_.events),
            key=self._key.public,
        )
        signature = self._key.sign(signed_bytes(run, seal)).hex()
        return Event(
            id=f"{run}.sealed.{after.count}.{after.head[:16]}",
            source=f"/{SERVICE}",
            subject=seal_subject(run),
            time=self._clock(),
            data=seal.model_copy(update={"signature": signature}),
        )

    async def _catch_up(self, run: RunKey) -> bool:
        """Take note of a seal that we do not know of; says whether it fits what was read here."""
        last = await self._bus.log.last(SEALS, seal_subject(run))
        if last is None:
            raise BusError("its last seal cannot be read yet")
        said = None if isinstance(last.content, Malformed) else last.content.data
        if not isinstance(said, RunSealed):
            return self._contradiction(run, "it is no seal")
        if said.through > self._projection.places[RUNS.name]:
            raise BusError("the log has not been read so far as another registry has sealed it")
        if not await self._projection.ask(lambda model: _fits(model, run, said, last.sequence)):
            return self._contradiction(run, f"the first {said.count} events are not what was sealed")
        return True

    def _contradiction(self, run: RunKey, reason: str) -> bool:
        """What was read here is not what was sealed: nobody is to sign that."""
        if run not in self._broken:
            self._broken.add(run)
            self._sealed.child("contradicted").add()
            log.error("registry.seal.contradicted", run=str(run), reason=reason)
        return False


def _left(model: ReadModel) -> dict[RunKey, tuple[int, bool]]:
    """The runs that have events without a seal, how many, and whether they are over."""
    rows = ((run, count, model.runs.get(run)) for run, count in model.seals.waiting())
    return {run: (count, row is not None and row.root.is_terminal) for run, count, row in rows}


def _next(model: ReadModel, run: RunKey) -> _Next:
    upto = model.position(RUNS.name).as_of
    standing = model.seals.standing(run)
    events = model.seals.unsealed(run, upto=upto, limit=MAX_MARKS)
    return _Next(run, standing, events, standing.after(events))


def _fits(model: ReadModel, run: RunKey, said: RunSealed, sealed_at: int) -> bool:
    """Whether a seal is of what was read; if it is, it is noted."""
    standing = model.seals.standing(run)
    limit = max(0, said.count - standing.count) + 1
    after = standing.after(model.seals.unsealed(run, upto=said.through, limit=limit))
    if after.is_of(said):
        _put(model, {run: replace(after, sealed_at=sealed_at)})
    return after.is_of(said)


def _put(model: ReadModel, standings: Mapping[RunKey, Standing]) -> None:
    with model.transaction():
        for run, standing in standings.items():
            model.seals.put(run, standing)
