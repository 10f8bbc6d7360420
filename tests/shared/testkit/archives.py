"""The file of a run as a test writes it, without a log."""

import hashlib
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from flyte._archive.records import (
    EVENTS,
    LOGS,
    MANIFEST,
    OBJECTS,
    SEAL,
    SEALS,
    TASKS,
    Manifest,
    Message,
    Seal,
    StoredObject,
)
from flyte._archive.writing import writing
from flyte_schemas.artifacts import NameDigest
from flyte_schemas.envelope import encode
from flyte_schemas.events import (
    ActionQueued,
    ActionRequested,
    AttemptSucceeded,
    EventData,
    LogSegment,
    LogWritten,
    TaskDeployed,
)
from flyte_schemas.subjects import RunKey, action_subject, log_subject, task_subject
from flyte_schemas.task import TaskReference
from testkit.events import MORNING, event
from testkit.tasks import template

KEY = RunKey("p", "d", "r1")
TASK = TaskReference(name="my_env.my_task", version="v1")
CONTENT = b"a large value, " * 40

_ROOT = action_subject(KEY.action("a0"))
STORY: tuple[EventData, ...] = (
    ActionRequested(task=TASK),
    ActionQueued(attempt=1, pool="process"),
    AttemptSucceeded(attempt=1, log_end=4),
)


def write_archive(
    path: Path, story: Iterable[EventData] = STORY, *, seals: Iterable[tuple[str, bytes]] = ()
) -> None:
    """A small whole file: a few events, one of them nobody can read, a version, some output, an object.

    `seals` are subjects and bytes of what stands among the seals.
    """
    counts, seals = {SEALS: 0, EVENTS: 0, TASKS: 0, LOGS: 0}, list(seals)
    with writing(path) as writer:

        def put(part: str, subject: str, raw: bytes) -> None:
            counts[part] += 1
            writer.add(Message.of(writer.number, 10 * counts[part], subject, raw))

        with writer.part(MANIFEST):
            writer.add(_manifest(2 if seals else 1))
        if seals:
            with writer.part(SEALS):
                for subject, raw in seals:
                    put(SEALS, subject, raw)
        with writer.part(EVENTS):
            for number, data in enumerate(story):
                put(EVENTS, _ROOT, encode(event(_ROOT, data, id=f"{KEY}/a0.{number}", after_s=number)))
            put(EVENTS, _ROOT, b"\xff not an event")
        with writer.part(TASKS):
            subject, deployed = task_subject(KEY.project, KEY.domain, TASK.name), template(TASK.name)
            data = TaskDeployed(version=TASK.version, digest=deployed.digest(), template=deployed)
            put(TASKS, subject, encode(event(subject, data)))
        with writer.part(LOGS):
            subject, segments = log_subject(KEY.action("a0")), (LogSegment(stream="stdout", text="Grüße\n"),)
            chunk = LogWritten(attempt=1, offset=0, size_bytes=8, segments=segments)
            put(LOGS, subject, encode(event(subject, chunk)))
        stored, content = stored_object(CONTENT), path.with_suffix(".content")
        content.write_bytes(CONTENT)
        writer.put_object(stored, content)
        content.unlink()
        with writer.part(OBJECTS):
            writer.add(stored.model_copy(update={"number": writer.number}))
        with writer.part(SEAL):
            writer.add(
                Seal(
                    number=writer.number,
                    events=counts[EVENTS],
                    tasks=counts[TASKS],
                    logs=counts[LOGS],
                    objects=1,
                    missing_objects=0,
                    as_of=10 * counts[EVENTS],
                    is_finished=True,
                )
            )


def _manifest(version: Literal[1, 2]) -> Manifest:
    return Manifest(
        number=0,
        format="flytejet-run",
        version=version,
        project=KEY.project,
        domain=KEY.domain,
        run=KEY.run,
        exported_at=MORNING,
        exported_with="0.0.0",
        with_objects=True,
    )


def stored_object(content: bytes) -> StoredObject:
    """The record of an object with this content."""
    name = NameDigest(len(content))
    name.update(content)
    uri = f"flyte://artifacts/{KEY.project}/{KEY.domain}/{name.name()}"
    sha256 = hashlib.sha256(content).hexdigest()
    return StoredObject(number=0, uri=uri, size_bytes=len(content), sha256=sha256)


def rewrite(path: Path, part: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of one part, as somebody does who repairs the zip around them."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
        comment = archive.comment
    members[part] = b"".join(change(members[part].splitlines(keepends=True)))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = comment
        for name, content in members.items():
            archive.writestr(name, content)
