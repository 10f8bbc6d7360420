"""A run out of a file into the log of this stack: as it was, and nobody's to go on with.

All of the file is read and checked before anything is written. What is written says first that it is an
import; each message expects what stands before it on its subject, so an import that was killed, or that is
started again, goes on where it is.
"""

import asyncio
import hashlib
import tempfile
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from flyte._archive.checking import Contents, NotImported, decoded
from flyte._archive.reading import Reader
from flyte._archive.records import (
    EVENTS,
    LOGS,
    TASKS,
    Message,
    StoredObject,
)
from flyte._archive.renaming import renamed, renamed_subject
from flyte._runtime.contents import FileSource
from flyte._runtime.transfer import ArtifactRefused, Artifacts
from flyte_bus.errors import Conflict
from flyte_bus.ports import Bus, Entry
from flyte_schemas import streams
from flyte_schemas.envelope import Event, Malformed
from flyte_schemas.events import TaskDeployed
from flyte_schemas.failure_codes import ARTIFACT_NOT_FOUND
from flyte_schemas.imported import RunImported, TaskImported
from flyte_schemas.subjects import (
    ROOT_ACTION,
    RunKey,
    action_subject,
    log_filter,
    parse_task,
    run_filter,
    task_subject,
)

SOURCE = "/flyte-cli"
TRIES = 20
"""How often a task version is offered while others deploy the same task."""


@dataclass(slots=True, kw_only=True)
class Imported:
    """What was written, and what of it was there before."""

    run: RunKey
    origin: RunKey
    digest: str
    events: int = 0
    events_there: int = 0
    tasks: int = 0
    logs: int = 0
    objects: int = 0
    missing: list[tuple[str, str]] = field(default_factory=list)


async def import_run(bus: Bus, reader: Reader, contents: Contents, run: RunKey, by: str) -> Imported:
    """Bring a file that was checked into the log, as `run`.

    Raises NotImported when there is another run of that name, or another version of a task by the same name;
    the errors of the bus and of the store.
    """
    importing = _Import(bus, reader, contents, run, by)
    there = await importing.compared()
    versions = await importing.new_versions()
    await importing.put_objects()
    await importing.put_versions(versions)
    await importing.put_mark(there)
    await importing.put_logs(there)
    await importing.put_events(there)
    return importing.done


@dataclass(slots=True)
class _There:
    """What this stack has of the run: whether as an import, how many of its events, and the last of each
    subject.
    """

    is_marked: bool = False
    events: int = 0
    last: dict[str, int] = field(default_factory=dict)


class _Import:
    def __init__(self, bus: Bus, reader: Reader, contents: Contents, run: RunKey, by: str) -> None:
        self._bus = bus
        self._reader = reader
        self._contents = contents
        self._origin = contents.manifest.key
        self._run = run
        self._by = by
        self.done = Imported(run=run, origin=self._origin, digest=reader.digest)

    def _event_of(self, record: Message) -> tuple[str, bytes]:
        """Subject and bytes of a record's message as one of the run here."""
        if self._run == self._origin:
            return record.subject, record.raw
        raw = renamed(record.raw, record.subject, self._origin, self._run)
        return renamed_subject(record.subject, self._run), raw

    async def compared(self) -> _There:
        """What is there of this run. Raises NotImported for another of that name, or an unfinished one."""
        there = _There()
        with closing(self._reader.messages(EVENTS)) as records:
            pending = next(records, None)
            async with aclosing(self._bus.log.read(streams.RUNS, run_filter(self._run))) as entries:
                async for entry in entries:
                    there.last[entry.subject] = entry.sequence
                    if pending is not None and self._event_of(pending) == (entry.subject, entry.raw):
                        there.events += 1
                        pending = next(records, None)
                    elif there.events or there.is_marked or not _is_mark(entry):
                        raise self._is_taken()
                    else:
                        there.is_marked = True
        if pending is not None and there.events and not there.is_marked:
            raise self._is_taken()
        self.done.events_there = there.events
        return there

    async def new_versions(self) -> set[int]:
        """The records of task versions that are not here. Raises NotImported for one that is another here."""
        new = set()
        with closing(self._reader.messages(TASKS)) as records:
            for record in records:
                subject, event = self._version_in(record)
                known = None
                async with aclosing(self._bus.log.read(streams.TASKS, subject)) as entries:
                    async for entry in entries:
                        known = known or _digest_of(entry, event.data.version)
                if known is None:
                    new.add(record.number)
                elif known != event.data.digest:
                    raise NotImported(
                        f"version {event.data.version} of {event.data.template.name} is here with other "
                        "content: import the run into another --project or --domain"
                    )
        return new

    async def put_objects(self) -> None:
        """Store what the log refers to: under its own names, wherever the run itself goes."""
        aside = tempfile.TemporaryDirectory(prefix="flyte-import-")
        with aside as folder, closing(self._reader.objects()) as records:
            for record in records:
                project, domain = record.uri.split("/")[3:5]
                store = Artifacts(self._bus.ask, project, domain)
                if not record.missing:
                    await self._put(store, record, Path(folder) / "object")
                elif not await _is_there(store, record.uri):
                    self.done.missing.append((record.uri, record.missing))

    async def _put(self, store: Artifacts, record: StoredObject, content: Path) -> None:
        await asyncio.to_thread(self._reader.extract, record, content)
        stored = await store.put_source(FileSource(content), record.uri.rpartition("/")[2])
        assert stored.uri == record.uri  # its name was found from its bytes when it was checked
        self.done.objects += stored.uploaded

    async def put_versions(self, new: set[int]) -> None:
        """Write down the task versions that came with the run."""
        with closing(self._reader.messages(TASKS)) as records:
            for record in records:
                if record.number in new:
                    subject, event = self._version_in(record)
                    await self._put_version(subject, event)
                    self.done.tasks += 1

    async def _put_version(self, subject: str, event: Event[TaskImported]) -> None:
        for left in range(TRIES - 1, -1, -1):
            last = await self._bus.log.last(streams.TASKS, subject)
            try:
                await self._bus.log.append(event, expected=last.sequence if last else 0)
                return
            except Conflict:
                if not left:
                    raise

    def _version_in(self, record: Message) -> tuple[str, Event[TaskImported]]:
        """A task version of the file as one that came with a run: on which subject, and what is said."""
        place, content = parse_task(record.subject), decoded(record.raw)
        assert place is not None and content is not None  # it was checked
        data = content.data
        assert isinstance(data, TaskDeployed | TaskImported)
        subject = task_subject(self._run.project, self._run.domain, place[2])
        where = f"{self._run.project}.{self._run.domain}.{place[2]}"
        event = Event(
            id=f"imported.{where}.{data.version}.{data.digest[:16]}",
            source=SOURCE,
            subject=subject,
            time=content.time,
            data=TaskImported(version=data.version, digest=data.digest, template=data.template),
        )
        return subject, event

    async def put_mark(self, there: _There) -> None:
        """Say first that it is an import: nobody goes on with what follows, and nobody else has the name."""
        if there.is_marked or there.events:
            return
        subject = action_subject(self._run.action(ROOT_ACTION))
        event = Event(
            id=f"{self._run}/{ROOT_ACTION}.imported.{self._reader.digest[:16]}",
            source=SOURCE,
            subject=subject,
            time=datetime.now(UTC),
            data=RunImported(
                origin=str(self._origin),
                digest=self._reader.digest,
                exported_at=self._contents.manifest.exported_at,
                imported_by=self._by,
            ),
        )
        try:
            there.last[subject] = await self._bus.log.append(event, expected=0)
        except Conflict as error:
            raise self._is_taken() from error

    async def put_logs(self, there: _There) -> None:
        """Bring the output, but for what is there; of a run that is all there, nothing is missing."""
        if there.events == self._contents.seal.events:
            return
        known, last = set[bytes](), dict[str, int]()
        async with aclosing(self._bus.log.read(streams.LOGS, log_filter(self._run))) as entries:
            async for entry in entries:
                known.add(_mark_of(entry.raw))
                last[entry.subject] = entry.sequence
        with closing(self._reader.messages(LOGS)) as records:
            for record in records:
                subject, raw = self._event_of(record)
                if _mark_of(raw) not in known:
                    last[subject] = await self._copy(subject, raw, last.get(subject, 0))
                    self.done.logs += 1

    async def put_events(self, there: _There) -> None:
        """Bring the events that are not there, in their order."""
        with closing(self._reader.messages(EVENTS)) as records:
            for place, record in enumerate(records):
                if place >= there.events:
                    subject, raw = self._event_of(record)
                    there.last[subject] = await self._copy(subject, raw, there.last.get(subject, 0))
                    self.done.events += 1

    async def _copy(self, subject: str, raw: bytes, expected: int) -> int:
        try:
            return await self._bus.log.copy(subject, raw, expected=expected)
        except Conflict as error:
            raise NotImported(
                f"somebody else writes to run {self._run.run} just now, perhaps another import of it: start "
                "this one again when that is over"
            ) from error

    def _is_taken(self) -> NotImported:
        run = self._run
        return NotImported(
            f"{run.project}/{run.domain} has another run called {run.run}: import this one --as another name"
        )


async def _is_there(store: Artifacts, uri: str) -> bool:
    try:
        await store.size_of(uri)
    except ArtifactRefused as error:
        if error.code != ARTIFACT_NOT_FOUND:
            raise
        return False
    return True


def _is_mark(entry: Entry) -> bool:
    return not isinstance(entry.content, Malformed) and isinstance(entry.content.data, RunImported)


def _digest_of(entry: Entry, version: str) -> str | None:
    """The digest of the content of a version, when this entry is about it."""
    if isinstance(entry.content, Malformed):
        return None
    data = entry.content.data
    if isinstance(data, TaskDeployed | TaskImported) and data.version == version:
        return data.digest
    return None


def _mark_of(raw: bytes) -> bytes:
    """What tells this output from another."""
    return hashlib.sha256(raw).digest()[:16]
