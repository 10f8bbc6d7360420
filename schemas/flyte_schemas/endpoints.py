"""Questions that are answered at once: request and reply on the bus, beside the log.

A question changes nothing. Each `Endpoint` names the subject and the two words of the exchange. What a
question is about (mostly a project and a domain) stands at the end of its subject too, so that the server can
tell who may ask it; who answers compares the two.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import Field, NonNegativeInt, PositiveInt

from flyte_schemas.artifacts import MAX_PARTS, parts_of
from flyte_schemas.failure import Failure
from flyte_schemas.names import is_name
from flyte_schemas.orders import Order, Work
from flyte_schemas.phase import ActionPhase
from flyte_schemas.task import TaskTemplate
from flyte_schemas.words import ContentName, Md5, Moment, Name, Seconds, TaskName, Version, Word, WorkerName

AskT = TypeVar("AskT", bound=Word)
AnswerT = TypeVar("AnswerT", bound=Word)


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[AskT, AnswerT]):
    """One question: its subject, the types of question and answer, and how it is told what it is about.

    `place` names the attributes of the question that end its subject, one token each.
    """

    subject: str
    ask: type[AskT]
    answer: type[AnswerT]
    place: tuple[str, ...] = ()

    @property
    def pattern(self) -> str:
        """Matches the subject of each such question."""
        return ".".join((self.subject, *("*" for _ in self.place)))

    def address(self, question: AskT) -> str:
        """Where this question is asked. Raises ValueError for a place that no subject can have.

        `*` is one, where the question may be about any: who may ask there may ask about each.
        """
        tokens = [str(getattr(question, name)) for name in self.place]
        for name, token in zip(self.place, tokens, strict=True):
            if token != "*" and not is_name(token):
                raise ValueError(f"the {name} has a dot, a wildcard or white space in it: {token!r}")
        return ".".join((self.subject, *tokens))


PLACE = ("project", "domain")

PartMd5s = Annotated[tuple[Md5, ...], Field(max_length=MAX_PARTS)]
PartNumbers = Annotated[tuple[PositiveInt, ...], Field(max_length=MAX_PARTS)]

# -- dataproxy ---------------------------------------------------------------------------------------------


class CreateUploadLocation(Word):
    """Where may I put an object with this name (`flyte_schemas.artifacts`) and this many bytes?

    `part_md5s`: of an object of several parts, the MD5 of each. `upload_id` goes on with an upload that was
    begun before, for the parts (numbered from 1, each once) that are `wanted`; none means all.
    """

    project: Name
    domain: Name
    content_md5: ContentName
    filename: str
    size_bytes: NonNegativeInt
    part_md5s: PartMd5s = ()
    upload_id: str | None = None
    wanted: PartNumbers = ()


class PartLocation(Word):
    """`PUT` the bytes of part `number` (from 1) to `signed_url` with `headers`."""

    number: PositiveInt
    signed_url: str
    headers: dict[str, str] = {}


class UploadLocation(Word):
    """`PUT` the bytes to `signed_url` with `headers` before `expires_at`; or do nothing, when `exists`.

    With `upload_id` the store wants each of the `parts` by itself, and then to be told that all are there
    (`CompleteUpload`).
    """

    uri: str
    exists: bool
    signed_url: str | None = None
    headers: dict[str, str] = {}
    expires_at: datetime | None = None
    upload_id: str | None = None
    parts: tuple[PartLocation, ...] = ()


class CompleteUpload(Word):
    """All parts are there: make them one object, and visible. The fields are `CreateUploadLocation`'s."""

    project: Name
    domain: Name
    content_md5: ContentName
    size_bytes: NonNegativeInt
    part_md5s: PartMd5s
    upload_id: str


class UploadCompleted(Word):
    """The object is there, whole."""

    uri: str


class CreateDownloadLocation(Word):
    """From where may I read the object that `uri` names?"""

    uri: str

    @property
    def project(self) -> str:
        """Whose object it is. Raises ValueError for what is no object's URI."""
        return parts_of(self.uri)[0]

    @property
    def domain(self) -> str:
        """As `project`."""
        return parts_of(self.uri)[1]


class DownloadLocation(Word):
    """`GET` the bytes, or a `Range` of them, from `signed_url` before `expires_at`."""

    signed_url: str
    headers: dict[str, str] = {}
    expires_at: datetime
    size_bytes: NonNegativeInt


CREATE_UPLOAD_LOCATION = Endpoint(
    "flyte.svc.dataproxy.create-upload-location", CreateUploadLocation, UploadLocation, PLACE
)
COMPLETE_UPLOAD = Endpoint("flyte.svc.dataproxy.complete-upload", CompleteUpload, UploadCompleted, PLACE)
CREATE_DOWNLOAD_LOCATION = Endpoint(
    "flyte.svc.dataproxy.create-download-location", CreateDownloadLocation, DownloadLocation, PLACE
)

# -- registry ----------------------------------------------------------------------------------------------


class GetTask(Word):
    """One version of a task; `version` None asks for the latest."""

    project: Name
    domain: Name
    name: TaskName
    version: Version | None = None


class TaskRecord(Word):
    """A version, as the registry's read model has it; `is_imported`: it came with a run, undeployed."""

    project: Name
    domain: Name
    name: TaskName
    version: Version
    deployed_at: datetime
    template: TaskTemplate
    is_imported: bool = False


class TaskAnswer(Word):
    """`task` is None when there is no such version; `similar` are the nearest names then.

    `as_of_sequence` is a place in TASKS.
    """

    task: TaskRecord | None
    similar: tuple[str, ...] = ()
    as_of_sequence: NonNegativeInt = 0


class ListTasks(Word):
    """The latest version of each task (or every version of `name`), newest first unless `ascending`.

    With `environment`, of its tasks only; with `entrypoint`, of those that are (or are not) declared so; with
    `search`, of those that have it in their name, in whatever case. `cursor` is the last answer's `next`, and
    the question the same: all pages show the versions that there were when the first was asked for.
    """

    project: Name
    domain: Name
    name: TaskName | None = None
    search: str = ""
    limit: NonNegativeInt = 100
    cursor: str = ""
    environment: Name | None = None
    entrypoint: bool | None = None
    ascending: bool = False


class TaskSummary(Word):
    name: TaskName
    version: Version
    deployed_at: datetime
    description: str = ""
    entrypoint: bool = False


class TaskList(Word):
    """`next` is empty when there are no more; `as_of_sequence` is a place in TASKS."""

    tasks: tuple[TaskSummary, ...]
    as_of_sequence: NonNegativeInt
    next: str = ""


class ListRuns(Word):
    """The newest runs first, unless `ascending`; with `name`, just that one.

    Of the filters that are given, a run meets all: it is in one of the phases, was requested and last changed
    after and before these times, has these labels with these values, waits for a person, and has `search` in
    its name or its task's, in whatever case. A run changes when it ends; until then it has when it began to
    run, or was requested.

    `cursor` is the last answer's `next`, and the question the same: runs that began meanwhile move no page.
    `counts` asks how many runs there are in each phase that meet the same filters, on all pages.

    `at_least_sequence` makes the answer wait until the read model has seen that position of the log, so that
    a user who knows of an event is not answered from before it.
    """

    project: Name
    domain: Name
    name: Name | None = None
    limit: NonNegativeInt = 100
    in_phase: tuple[ActionPhase, ...] = ()
    task_name: TaskName | None = None
    task_version: Version | None = None
    requested_by: str | None = None
    requested_after: Moment | None = None
    requested_before: Moment | None = None
    updated_after: Moment | None = None
    updated_before: Moment | None = None
    labels: dict[str, str] = {}
    label_keys: tuple[str, ...] = ()
    paused_only: bool = False
    search: str = ""
    sort_by: Literal["created_at", "updated_at"] = "created_at"
    ascending: bool = False
    cursor: str = ""
    counts: bool = False
    at_least_sequence: NonNegativeInt = 0


class RunSummary(Word):
    """One run, in a line."""

    name: Name
    task: TaskName
    version: Version
    phase: ActionPhase
    requested_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: NonNegativeInt = 0
    actions: NonNegativeInt = 1
    paused: NonNegativeInt = 0
    """How many of its conditions wait for an answer."""
    labels: dict[str, str] = {}
    requested_by: str = ""
    failure: Failure | None = None


class RunList(Word):
    """`next` is empty when there are no more; `counts` is there when it was asked for, without zeros.

    `as_of_sequence` is a place in RUNS: all of the log up to it is in the answer.
    """

    runs: tuple[RunSummary, ...]
    as_of_sequence: NonNegativeInt
    next: str = ""
    counts: dict[ActionPhase, NonNegativeInt] | None = None


GET_TASK = Endpoint("flyte.svc.registry.get-task", GetTask, TaskAnswer, PLACE)
LIST_TASKS = Endpoint("flyte.svc.registry.list-tasks", ListTasks, TaskList, PLACE)
LIST_RUNS = Endpoint("flyte.svc.registry.list-runs", ListRuns, RunList, PLACE)

# -- executor ----------------------------------------------------------------------------------------------


class TakeWork(Word):
    """A worker of `pool`, by its name: what shall it run? It takes `most` at once; with 0 it asks for none.

    `done` is what it has run since it was answered last, `has` what it has yet to run or runs now: what else
    it was given it gives back. The answer comes when there is something, or after `patience_s` seconds.
    A worker that runs several at a time asks while it has room for more.
    """

    worker: WorkerName
    pool: str
    done: tuple[Order, ...] = ()
    has: tuple[Order, ...] = ()
    most: NonNegativeInt = 1
    patience_s: Seconds


class WorkGiven(Word):
    """Run this, one after the other. Without `work`: ask again, or `end`. The next question is `owner`'s."""

    owner: Name
    work: tuple[Work, ...] = ()
    end: bool = False


def take_work_endpoint(executor: str) -> Endpoint[TakeWork, WorkGiven]:
    """Where workers of a pool ask one executor, or (of a site) whoever serves there."""
    return Endpoint(f"flyte.svc.executor.take-work.{executor}", TakeWork, WorkGiven, ("pool",))


# -- workers -----------------------------------------------------------------------------------------------


class StopAttempt(Word):
    """To a worker that runs several attempts at a time: end this one."""

    order: Order


class StoppedAttempt(Word):
    """Nothing of the attempt runs here (any more)."""


def stop_attempt_endpoint(site: str, worker: str) -> Endpoint[StopAttempt, StoppedAttempt]:
    """Where one worker of a site is asked, by its name."""
    return Endpoint(f"flyte.svc.worker.stop-attempt.{site}.{worker}", StopAttempt, StoppedAttempt)


# -- every service -----------------------------------------------------------------------------------------


class Ping(Word):
    """Are you there?"""


class Pong(Word):
    """I am: which service, which process, since when."""

    service: str
    version: str
    pid: int
    host: str


def ping_endpoint(service: str) -> Endpoint[Ping, Pong]:
    """The liveness question of a service (`registry`, `dataproxy`, `executor`)."""
    return Endpoint(f"flyte.svc.{service}.ping", Ping, Pong)
