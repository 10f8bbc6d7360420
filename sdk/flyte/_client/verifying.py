"""Hold the log of runs against its seals: whether it says what it said when the runs were sealed."""

import os
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from flyte._archive.endings import Endings
from flyte._client.identity import identity
from flyte._stack import find_stack
from flyte_bus.access import GUARDED_ROLES
from flyte_bus.identity.keys import is_signed
from flyte_bus.ports import Bus, Entry
from flyte_schemas.envelope import Malformed
from flyte_schemas.sealed import Finding, SealedRun
from flyte_schemas.seals import RunSealed
from flyte_schemas.streams import RUNS, SEALS
from flyte_schemas.subjects import (
    RunKey,
    parse_action,
    parse_seal,
    place_filter,
    run_filter,
    seal_filter,
    seal_subject,
)

KEYS_VARIABLE = "FLYTE_SEAL_KEYS"
GRACE_S = 60.0
"""So long after its last event a run that is over may be without a seal."""


@dataclass(slots=True, kw_only=True)
class Verified:
    """What was found of one run, or of all: how many of them are sealed, go on, or wait for their seal."""

    keys: frozenset[str]
    runs: int = 0
    events: int = 0
    seals: int = 0
    sealed: int = 0
    running: int = 0
    unsealed_events: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class _Run:
    """One run: what its seals say, whether it is over, and when its last event was."""

    sealed: SealedRun
    endings: Endings = field(default_factory=Endings)
    last: datetime | None = None

    def take(self, entry: Entry, action: str) -> None:
        self.sealed.take(entry.sequence, entry.subject, action, entry.raw)
        if not isinstance(entry.content, Malformed):
            self.endings.take(action, entry.content, entry.sequence)
            self.last = max(filter(None, (self.last, entry.content.time)))


def trusted_keys(given: Iterable[str] = ()) -> frozenset[str]:
    """The public keys that are believed: those given, and `FLYTE_SEAL_KEYS`; else that of the stack here."""
    texts = (*given, os.environ.get(KEYS_VARIABLE, ""))
    found = {key for text in texts for key in text.replace(",", " ").split()}
    stack = None if found else find_stack()
    return frozenset(found or filter(None, [stack.seal_key] if stack else []))


async def verify(
    bus: Bus, keys: frozenset[str], *, run: RunKey | None = None, place: tuple[str, str] | None = None
) -> Verified:
    """Examine one run, all of a place (project and domain, `*` for any), or all that there is to see.

    Who sees the whole log also sees whether its stream has holes. Raises the bus's errors.
    """
    known = identity()
    is_whole = run is None and place is None and not (known and known.role in GUARDED_ROLES)
    runs: dict[RunKey, _Run] = {}
    await _read_seals(bus, keys, _seals_of(run, place), runs)
    wanted = RUNS.subjects[0] if place is None else place_filter(*place)
    found = Verified(keys=keys)
    before = 0
    async with aclosing(bus.log.read(RUNS, run_filter(run) if run else wanted)) as entries:
        async for entry in entries:
            if is_whole and entry.sequence > before + 1:
                found.findings.append(_gap(before, entry.sequence))
            before = entry.sequence
            key = parse_action(entry.subject)
            if key is not None:
                _known(runs, key.run, keys).take(entry, key.action)
    for one in runs.values():
        _conclude(one, found)
    return found


def _seals_of(run: RunKey | None, place: tuple[str, str] | None) -> str:
    if run is not None:
        return seal_subject(run)
    return seal_filter(*place) if place is not None else SEALS.subjects[0]


async def _read_seals(bus: Bus, keys: frozenset[str], subject: str, runs: dict[RunKey, _Run]) -> None:
    async with aclosing(bus.log.read(SEALS, subject)) as entries:
        async for entry in entries:
            key = parse_seal(entry.subject)
            if key is None:
                continue
            data = None if isinstance(entry.content, Malformed) else entry.content.data
            seal = data if isinstance(data, RunSealed) else None
            _known(runs, key, keys).sealed.take_seal(seal, entry.sequence)


def _known(runs: dict[RunKey, _Run], key: RunKey, keys: frozenset[str]) -> _Run:
    found = runs.get(key)
    if found is None:
        found = runs[key] = _Run(SealedRun(key, keys, is_signed))
    return found


def _conclude(one: _Run, found: Verified) -> None:
    """What follows from the end of what there is of a run."""
    has_ended = one.endings.is_finished
    age = datetime.now(UTC) - (one.last or datetime.min.replace(tzinfo=UTC))
    one.sealed.finish(is_over=has_ended and age > timedelta(seconds=GRACE_S))
    found.runs += 1
    found.events += one.sealed.events
    found.seals += one.sealed.seals
    found.unsealed_events += one.sealed.unsealed
    found.findings += one.sealed.findings
    if not one.sealed.findings:
        found.sealed += has_ended and bool(one.sealed.seals) and not one.sealed.unsealed
        found.running += not has_ended


def _gap(before: int, after: int) -> Finding:
    """RUNS lets nobody delete, so its sequences leave nothing out."""
    gone = f"{before + 1}" if after == before + 2 else f"{before + 1} to {after - 1}"
    what = f"the stream has no sequence {gone}"
    return Finding(problem="missing", run=None, what=what, sequence=before + 1)
