"""What must hold of a file before anything of it is written: it is whole, of one run, and that had ended."""

from dataclasses import dataclass

from flyte._archive.endings import Endings
from flyte._archive.reading import Reader
from flyte._archive.records import (
    EVENTS,
    LOGS,
    SEALS,
    TASKS,
    Damaged,
    Manifest,
    Message,
    Seal,
    StoredObject,
)
from flyte._explaining.wording import counted
from flyte_bus.identity.keys import is_signed
from flyte_schemas.artifacts import is_content_name
from flyte_schemas.envelope import AnyEvent, Malformed, decode
from flyte_schemas.events import TaskDeployed
from flyte_schemas.imported import TaskImported
from flyte_schemas.names import is_name
from flyte_schemas.sealed import SealedRun
from flyte_schemas.seals import RunSealed
from flyte_schemas.subjects import parse_action, parse_seal, parse_task


class NotImported(ValueError):
    """The file is whole, and cannot become a run of this stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a file that was checked says of itself.

    `sealed` is how many of its events the stack that it came from has vouched for, and `keys` with which
    keys; whether those are to be trusted it cannot say.
    """

    manifest: Manifest
    seal: Seal
    sealed: int = 0
    keys: frozenset[str] = frozenset()


def check(reader: Reader) -> Contents:
    """Read all of a file. Raises Damaged; NotImported for a run that had not ended."""
    manifest = seal = None
    counts = {SEALS: 0, EVENTS: 0, TASKS: 0, LOGS: 0}
    endings, last = Endings(), {SEALS: 0, EVENTS: 0, LOGS: 0}
    vouched = _Vouched()
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
                if part in (SEALS, EVENTS):
                    vouched.take(part, record, manifest)
            case StoredObject():
                _check_object(record)
            case Seal():
                seal = record
            case _:
                raise AssertionError(f"{part} has a record of another kind")
    assert manifest is not None and seal is not None  # each is there once
    if (seal.events, seal.tasks, seal.logs) != (counts[EVENTS], counts[TASKS], counts[LOGS]):
        raise Damaged(f"the seal counts {seal.events} events, and there are {counts[EVENTS]}")
    vouched.check()
    if not endings.is_finished:
        alive = counted(endings.live, "action")
        raise NotImported(
            f"run {manifest.run} had not ended when it was exported ({alive} alive), and "
            "nobody here can go on with it: export it again after its end"
        )
    return Contents(manifest=manifest, seal=seal, sealed=vouched.events, keys=frozenset(vouched.keys))


class _Vouched:
    """What the seals in a file vouch for, whoever has signed them."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self._run: SealedRun | None = None

    @property
    def events(self) -> int:
        return self._run.events - self._run.unsealed if self._run is not None else 0

    def take(self, part: str, record: Message, manifest: Manifest) -> None:
        if part == SEALS:
            self._run = self._run or SealedRun(manifest.key, None, is_signed)
            content = decoded(record.raw)
            seal = content.data if content and isinstance(content.data, RunSealed) else None
            self._run.take_seal(seal, record.sequence)
            self.keys |= {seal.key} if seal else set()
        elif self._run is not None and (key := parse_action(record.subject)) is not None:
            self._run.take(record.sequence, record.subject, key.action, record.raw)

    def check(self) -> None:
        """Raises Damaged when the events are not those that were sealed."""
        if self._run is None:
            return
        self._run.finish(is_over=False)
        if self._run.findings:
            raise Damaged(f"its events are not those that were sealed: {self._run.findings[0]}")


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
    if part == SEALS:
        if parse_seal(record.subject) != manifest.key:
            raise Damaged(f"record {record.number} in {part} is no seal of run {manifest.key}")
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
