"""What must hold of a file before anything of it is written: it is whole, of one run, and that had ended."""

from dataclasses import dataclass

from flyte._archive.endings import Endings
from flyte._archive.reading import Reader
from flyte._archive.records import (
    EVENTS,
    LOGS,
    TASKS,
    Damaged,
    Manifest,
    Message,
    Seal,
    StoredObject,
)
from flyte._explaining.wording import counted
from flyte_schemas.artifacts import is_content_name
from flyte_schemas.envelope import AnyEvent, Malformed, decode
from flyte_schemas.events import TaskDeployed
from flyte_schemas.imported import TaskImported
from flyte_schemas.names import is_name
from flyte_schemas.subjects import parse_action, parse_task


class NotImported(ValueError):
    """The file is whole, and cannot become a run of this stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a file that was checked says of itself."""

    manifest: Manifest
    seal: Seal


def check(reader: Reader) -> Contents:
    """Read all of a file. Raises Damaged; NotImported for a run that had not ended."""
    manifest = seal = None
    counts = {EVENTS: 0, TASKS: 0, LOGS: 0}
    endings, last = Endings(), {EVENTS: 0, LOGS: 0}
    for part, record in reader.all_records():
        match record:
            case Manifest():
                manifest = record
            case Message():
                assert manifest is not None  # it is the first part
                counts[part] += 1
                _check_place(part, record, manifest)
                if part != TASKS and record.sequence <= last[part]:
                    raise Damaged(f"record {record.number} in {part} stood before the one in front of it")
                last[part] = record.sequence
                if part == EVENTS:
                    _take(endings, record)
            case StoredObject():
                _check_object(record)
            case Seal():
                seal = record
            case _:
                raise AssertionError(f"{part} has a record of another kind")
    assert manifest is not None and seal is not None  # each is there once
    if (seal.events, seal.tasks, seal.logs) != tuple(counts.values()):
        raise Damaged(f"the seal counts {seal.events} events, and there are {counts[EVENTS]}")
    if not endings.is_finished:
        alive = counted(endings.live, "action")
        raise NotImported(
            f"run {manifest.run} had not ended when it was exported ({alive} alive), and "
            "nobody here can go on with it: export it again after its end"
        )
    return Contents(manifest=manifest, seal=seal)


def _check_place(part: str, record: Message, manifest: Manifest) -> None:
    """Raises Damaged for a message that does not belong to the run, or to its part."""
    try:
        raw = record.raw
    except ValueError as error:
        raise Damaged(f"record {record.number} in {part} has no bytes: {error}") from error
    if part == TASKS:
        place, content = parse_task(record.subject), decoded(raw)
        of_run = place is not None and place[:2] == (manifest.project, manifest.domain)
        is_it = content is not None and isinstance(content.data, TaskDeployed | TaskImported)
        if not (of_run and is_it):
            raise Damaged(f"record {record.number} in {part} is no version of a task of the run's project")
        return
    key = parse_action(record.subject)
    prefix = "flyte.run." if part == EVENTS else "flyte.log."
    if key is None or key.run != manifest.key or not record.subject.startswith(prefix):
        raise Damaged(f"record {record.number} in {part} is not of run {manifest.key}: {record.subject}")


def _check_object(record: StoredObject) -> None:
    match record.uri.split("/"):
        case ["flyte:", "", "artifacts", project, domain, name] if (
            is_name(project) and is_name(domain) and is_content_name(name)
        ):
            return
        case _:
            raise Damaged(f"record {record.number} is no object of an artifact store: {record.uri}")


def _take(endings: Endings, record: Message) -> None:
    key, content = parse_action(record.subject), decoded(record.raw)
    if key is not None and content is not None:
        endings.take(key.action, content, record.sequence)


def decoded(raw: bytes) -> AnyEvent | None:
    """The event in these bytes, when there is one."""
    try:
        return decode(raw)
    except Malformed:
        return None
