"""What the artifact store holds and nobody refers to any more: found, and removed when that is wished.

First the store is listed, then the log is read: an object that is referred to while this goes on is young, or
its reference is seen. Objects that others refer to (large values, folders, pickles) are read for the
references in them. Whoever removes an object looks at its age once more.
"""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

from flyte._client.references import OVERLAP_BYTES, may_hold_references, references_in
from flyte._runtime.transfer import Artifacts
from flyte_bus.ports import Bus
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.run import RunFold
from flyte_schemas.streams import CACHE_BUCKET, REQUESTS, RUNS, TASKS, TRIGGERS
from flyte_schemas.subjects import RunKey, parse_action
from flyte_schemas.tidying import (
    LIST_ARTIFACTS,
    REMOVE_ARTIFACTS,
    REMOVE_UNFINISHED_UPLOADS,
    ArtifactsRemoved,
    ArtifactSummary,
    ListArtifacts,
    RemoveArtifacts,
    RemoveUnfinishedUploads,
)

READ_BYTES = 8 * 1024**2
"""How much of an object is in memory at a time, for each that is read for references."""
FIRST_BYTES = 4096
READS_AT_A_TIME = 4
REMOVED_AT_A_TIME = 200
ANSWER_TIMEOUT_S = 60.0
MARKER_TTL_S = 300


@dataclass(slots=True, kw_only=True)
class Garbage:
    """What was found. `unused` are old enough, and nothing that is kept refers to them."""

    used: int = 0
    used_bytes: int = 0
    young: int = 0
    young_bytes: int = 0
    unused: list[ArtifactSummary] = field(default_factory=list)
    unused_bytes: int = 0
    unfinished_uploads: int = 0
    forgotten_runs: int = 0
    removed: int = 0
    removed_bytes: int = 0


async def find_garbage(bus: Bus, *, before: datetime, runs_ended_before: datetime | None) -> Garbage:
    """What was last modified `before` that time and is not referred to.

    A run that ended before `runs_ended_before` counts as forgotten: what only it refers to is garbage.

    Raises the errors of the bus and of the artifact store.
    """
    there = {found.uri: found async for found in _listed(bus)}
    log = await _read_log(bus, runs_ended_before)
    used = await _closure(bus, there, log.kept())
    garbage = Garbage(forgotten_runs=log.forgotten)
    for found in there.values():
        if found.uri in used:
            garbage.used, garbage.used_bytes = garbage.used + 1, garbage.used_bytes + found.size_bytes
        elif found.modified_at >= before:
            garbage.young, garbage.young_bytes = garbage.young + 1, garbage.young_bytes + found.size_bytes
        else:
            garbage.unused.append(found)
            garbage.unused_bytes += found.size_bytes
    garbage.unfinished_uploads = (await _unfinished(bus, before, apply=False)).count
    return garbage


async def remove_garbage(bus: Bus, garbage: Garbage, before: datetime) -> None:
    """Remove what was found, but for what has been relied upon since; `garbage` then says how much it was."""
    uris = [found.uri for found in garbage.unused]
    for start in range(0, len(uris), REMOVED_AT_A_TIME):
        question = RemoveArtifacts(uris=tuple(uris[start : start + REMOVED_AT_A_TIME]), before=before)
        removed = await bus.ask(REMOVE_ARTIFACTS, question, timeout_s=ANSWER_TIMEOUT_S)
        garbage.removed += removed.count
        garbage.removed_bytes += removed.size_bytes
    await _unfinished(bus, before, apply=True)


async def _unfinished(bus: Bus, before: datetime, *, apply: bool) -> ArtifactsRemoved:
    question = RemoveUnfinishedUploads(before=before, apply=apply)
    return await bus.ask(REMOVE_UNFINISHED_UPLOADS, question, timeout_s=ANSWER_TIMEOUT_S)


async def _listed(bus: Bus) -> AsyncIterator[ArtifactSummary]:
    after = ""
    while True:
        page = await bus.ask(LIST_ARTIFACTS, ListArtifacts(after=after), timeout_s=ANSWER_TIMEOUT_S)
        for found in page.artifacts:
            yield found
        if not page.last:
            return
        after = page.last


@dataclass(slots=True)
class _Log:
    """What the log refers to, by run; and by anything else, under None."""

    references: dict[RunKey | None, set[str]] = field(default_factory=lambda: defaultdict(set))
    ended: set[RunKey] = field(default_factory=set)

    @property
    def forgotten(self) -> int:
        return len(self.ended)

    def kept(self) -> set[str]:
        """What anything but the forgotten runs refers to."""
        kept = (uris for run, uris in self.references.items() if run is None or run not in self.ended)
        return set().union(*kept)


async def _read_log(bus: Bus, runs_ended_before: datetime | None) -> _Log:
    found = _Log()
    whole = ((REQUESTS, "flyte.req.>"), (TASKS, "flyte.task.>"), (TRIGGERS, "flyte.trigger.>"))
    for stream, subjects in whole:
        async for entry in bus.log.read(stream, subjects):
            found.references[None] |= references_in(entry.raw)
    folds: dict[RunKey, RunFold] = defaultdict(RunFold)
    last: dict[RunKey, datetime] = {}
    async for entry in bus.log.read(RUNS, "flyte.run.>"):
        key = parse_action(entry.subject)
        if key is None or isinstance(entry.content, Malformed):  # also what cannot be read may name objects
            found.references[None] |= references_in(entry.raw)
            continue
        found.references[key.run] |= references_in(entry.raw)
        if runs_ended_before is not None:
            _fold(folds, last, key.run, key.action, entry.content, entry.sequence)
    found.ended = {
        run
        for run, fold in folds.items()
        if fold.is_settled and runs_ended_before is not None and last[run] < runs_ended_before
    }
    if found.ended:
        found.references[None] |= await _cached(bus)
    return found


def _fold(
    folds: dict[RunKey, RunFold],
    last: dict[RunKey, datetime],
    run: RunKey,
    action: str,
    event: AnyEvent,
    sequence: int,
) -> None:
    folds[run].apply(action, event, sequence)
    last[run] = max(event.time, last.get(run, event.time))


async def _cached(bus: Bus) -> set[str]:
    """What the results refer to that the cache still offers, whatever became of the runs that computed them.

    A key of our own, written first, says when all that was there has been seen.
    """
    bucket, marker, found = bus.bucket(CACHE_BUCKET), f"gc.{uuid.uuid4().hex}", set[str]()
    await bucket.put(marker, b"", ttl_s=MARKER_TTL_S)
    async with aclosing(bucket.watch()) as entries:
        async for entry in entries:
            if entry.key == marker:
                break
            found |= references_in(entry.value or b"")
    await bucket.delete(marker)
    return found


async def _closure(bus: Bus, there: dict[str, ArtifactSummary], roots: set[str]) -> set[str]:
    """The roots, and what they refer to, and so on."""
    used: set[str] = set()
    stores: dict[str, Artifacts] = {}
    turns = asyncio.Semaphore(READS_AT_A_TIME)

    def store_of(uri: str) -> Artifacts:
        place = place_of(uri)
        if place not in stores:
            stores[place] = Artifacts(bus.ask, *place.split("/"))
        return stores[place]

    new = roots & there.keys()
    while new:
        used |= new
        async with asyncio.TaskGroup() as group:
            reading = [group.create_task(_references_of(store_of(uri), there[uri], turns)) for uri in new]
        new = (set[str]().union(*(task.result() for task in reading)) & there.keys()) - used
    return used


async def _references_of(store: Artifacts, found: ArtifactSummary, turns: asyncio.Semaphore) -> set[str]:
    references: set[str] = set()
    async with turns:
        beginning = await store.get_range(found.uri, 0, min(FIRST_BYTES, found.size_bytes))
        if not may_hold_references(beginning):
            return references
        for start in range(0, found.size_bytes, READ_BYTES):
            end = min(start + READ_BYTES + OVERLAP_BYTES, found.size_bytes)
            references |= references_in(await store.get_range(found.uri, start, end))
        return references


def place_of(uri: str) -> str:
    """`project/domain` of an object."""
    return "/".join(uri.split("/")[-3:-1])


def by_place(found: Iterable[ArtifactSummary]) -> dict[str, tuple[int, int]]:
    """How many objects, and how many bytes, by `project/domain`."""
    counted: dict[str, tuple[int, int]] = {}
    for one in found:
        place = place_of(one.uri)
        count, size_bytes = counted.get(place, (0, 0))
        counted[place] = (count + 1, size_bytes + one.size_bytes)
    return dict(sorted(counted.items()))
