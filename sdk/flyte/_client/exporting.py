"""A run out of the log into a file: its events, the task versions, its output, and what they refer to."""

import asyncio
import hashlib
import tempfile
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from flyte._archive.endings import Endings
from flyte._archive.records import (
    EVENTS,
    LOGS,
    MANIFEST,
    OBJECTS,
    SEAL,
    SEALS,
    TASKS,
    VERSION,
    Manifest,
    Message,
    Seal,
    StoredObject,
)
from flyte._archive.writing import Writer, writing
from flyte._client.phases import unknown
from flyte._client.references import OVERLAP_BYTES, may_hold_references, references_in
from flyte._runtime.transfer import ArtifactRefused, Artifacts
from flyte._version import version
from flyte_bus.ports import Bus, Entry
from flyte_schemas import streams
from flyte_schemas.envelope import Malformed
from flyte_schemas.events import ActionRequested, TaskDeployed
from flyte_schemas.failure_codes import ARTIFACT_NOT_FOUND
from flyte_schemas.imported import TaskImported
from flyte_schemas.subjects import (
    ROOT_ACTION,
    RunKey,
    log_filter,
    parse_action,
    run_filter,
    seal_subject,
    task_subject,
)

READ_BYTES = 8 * 1024**2
LEFT_OUT = "left out by --no-objects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What is in the file, its digest, and which objects the log refers to that are not in it, with why."""

    run: RunKey
    path: Path
    seal: Seal
    digest: str
    size_bytes: int
    missing: tuple[tuple[str, str], ...]


async def export_run(
    bus: Bus, run: RunKey, path: Path, *, at: datetime, with_objects: bool = True
) -> Exported:
    """Write a run as the log has it now to `path`, which appears whole or not at all.

    Raises LookupError for a run that the log does not have; OSError; the errors of the bus and of the store.
    """
    with writing(path) as writer:
        export = _Export(bus, run, writer)
        with writer.part(MANIFEST):
            writer.add(
                Manifest(
                    number=writer.number,
                    format="flytejet-run",
                    version=VERSION,
                    project=run.project,
                    domain=run.domain,
                    run=run.run,
                    exported_at=at,
                    exported_with=version(),
                    with_objects=with_objects,
                )
            )
        if seals := await export.seals():
            with writer.part(SEALS):
                for entry in seals:
                    writer.add(Message.of(writer.number, entry.sequence, entry.subject, entry.raw))
        with writer.part(EVENTS):
            await export.events()
        with writer.part(TASKS):
            await export.tasks()
        with writer.part(LOGS):
            await export.logs()
        objects = await export.fetched(path.parent) if with_objects else export.left_out()
        with writer.part(OBJECTS):
            for stored in objects:
                writer.add(stored.model_copy(update={"number": writer.number}))
        seal = export.seal(objects)
        with writer.part(SEAL):
            writer.add(seal)
    return Exported(
        run=run,
        path=path,
        seal=seal,
        digest=writer.digest,
        size_bytes=_size_of(path),
        missing=tuple((stored.uri, stored.missing) for stored in objects if stored.missing),
    )


@dataclass(slots=True)
class _Export:
    """One export under way: what was written, and what that refers to."""

    bus: Bus
    run: RunKey
    writer: Writer
    written: dict[str, int] = field(default_factory=lambda: {EVENTS: 0, TASKS: 0, LOGS: 0})
    last: int = 0
    endings: Endings = field(default_factory=Endings)
    versions: dict[str, set[str]] = field(default_factory=dict)
    roots: set[str] = field(default_factory=set)

    async def seals(self) -> list[Entry]:
        """The run's seals, before its events are read: what comes meanwhile is not sealed yet."""
        return [entry async for entry in self.bus.log.read(streams.SEALS, seal_subject(self.run))]

    async def events(self) -> None:
        async with aclosing(self.bus.log.read(streams.RUNS, run_filter(self.run))) as entries:
            async for entry in entries:
                self._write(EVENTS, entry)
                self.last = entry.sequence
                self.roots |= references_in(entry.raw)
                place = parse_action(entry.subject)
                if place is None or isinstance(entry.content, Malformed):
                    continue
                self.endings.take(place.action, entry.content, entry.sequence)
                if isinstance(entry.content.data, ActionRequested):
                    task = entry.content.data.task
                    self.versions.setdefault(task.name, set()).add(task.version)
        if not self.written[EVENTS]:
            raise LookupError(unknown(self.run.action(ROOT_ACTION)))

    async def tasks(self) -> None:
        """The first word on each version that the run uses."""
        for name in sorted(self.versions):
            wanted = self.versions[name]
            subject = task_subject(self.run.project, self.run.domain, name)
            async with aclosing(self.bus.log.read(streams.TASKS, subject)) as entries:
                async for entry in entries:
                    if isinstance(entry.content, Malformed):
                        continue
                    data = entry.content.data
                    if isinstance(data, TaskDeployed | TaskImported) and data.version in wanted:
                        wanted.remove(data.version)
                        self._write(TASKS, entry)
                        self.roots |= references_in(entry.raw)

    async def logs(self) -> None:
        async with aclosing(self.bus.log.read(streams.LOGS, log_filter(self.run))) as entries:
            async for entry in entries:
                self._write(LOGS, entry)

    def left_out(self) -> list[StoredObject]:
        return [StoredObject(number=0, uri=uri, missing=LEFT_OUT) for uri in sorted(self.roots)]

    async def fetched(self, folder: Path) -> list[StoredObject]:
        """Put what the log refers to into the file, and what that refers to, and so on."""
        store = Artifacts(self.bus.ask, self.run.project, self.run.domain)
        found: list[StoredObject] = []
        waiting, seen = sorted(self.roots), set(self.roots)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as aside:
            while waiting:
                uri, content = waiting.pop(), Path(aside) / "object"
                stored = await self._fetch(store, uri, content)
                found.append(stored)
                if not stored.missing:
                    new = await asyncio.to_thread(_references_of, content) - seen
                    seen |= new
                    waiting.extend(sorted(new))
        return found

    async def _fetch(self, store: Artifacts, uri: str, content: Path) -> StoredObject:
        try:
            await store.get_named_to_file(uri, content)
        except ArtifactRefused as error:
            if error.code != ARTIFACT_NOT_FOUND:
                raise
            return StoredObject(number=0, uri=uri, missing=str(error))
        stored = StoredObject(
            number=0,
            uri=uri,
            size_bytes=_size_of(content),
            sha256=await asyncio.to_thread(_sha256_of, content),
        )
        await asyncio.to_thread(self.writer.put_object, stored, content)
        return stored

    def seal(self, objects: list[StoredObject]) -> Seal:
        missing = sum(bool(stored.missing) for stored in objects)
        return Seal(
            number=self.writer.number,
            events=self.written[EVENTS],
            tasks=self.written[TASKS],
            logs=self.written[LOGS],
            objects=len(objects) - missing,
            missing_objects=missing,
            as_of=self.last,
            is_finished=self.endings.is_finished,
        )

    def _write(self, part: str, entry: Entry) -> None:
        self.writer.add(Message.of(self.writer.number, entry.sequence, entry.subject, entry.raw))
        self.written[part] += 1


def _size_of(path: Path) -> int:
    return path.stat().st_size


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _references_of(path: Path) -> set[str]:
    """What an object refers to. As `flyte gc` looks for it."""
    found: set[str] = set()
    with path.open("rb") as file:
        before = b""
        while chunk := file.read(READ_BYTES):
            if not before and not may_hold_references(chunk):
                return found
            found |= references_in(before + chunk)
            before = chunk[-OVERLAP_BYTES:]
    return found
