"""What happened: the facts and decisions that the log holds, one model a type.

An agent's report is a fact and needs no permission; the executor's decision is appended only if nothing
else happened meanwhile.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from flyte_schemas.failure import Failure
from flyte_schemas.literals import Answer, AnyLiteral
from flyte_schemas.notify import Notification
from flyte_schemas.recovery import Recovery
from flyte_schemas.task import TaskOverrides, TaskReference, TaskTemplate
from flyte_schemas.words import Moment, Name, Seconds, Sha256, Version, Word


class EventData(Word):
    """The `data` of an event; `TYPE` is the CloudEvents `type` that names it."""

    TYPE: ClassVar[str]


# -- tasks: written by the registry ------------------------------------------------------------------------


class TaskDeployed(EventData):
    """A version of a task exists from here on, and never changes."""

    TYPE: ClassVar[str] = "flyte.task.deployed.v1"
    version: Version
    digest: Sha256
    template: TaskTemplate
    requested_by: str = ""


class TaskDeployRejected(EventData):
    """A deploy request that was refused, and why."""

    TYPE: ClassVar[str] = "flyte.task.deploy-rejected.v1"
    version: Version
    digest: Sha256
    failure: Failure
    requested_by: str = ""


# -- runs ----------------------------------------------------------------------------------------------------


class RunSettings(Word):
    """What a user says of a whole run beside its inputs; kept with the root action.

    What nobody acts upon yet is kept all the same, so that it can be shown and started again.
    """

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    interruptible: bool | None = None
    overwrite_cache: bool = False
    disable_cache: bool = False
    cache_scope: str = ""
    queue: str = ""
    service_account: str = ""
    raw_data_path: str = ""
    max_action_concurrency: PositiveInt | None = None
    debug: bool = False
    notifications: tuple[Notification, ...] = ()
    rerun_of: Name | None = None
    """The run that this one repeats."""
    recovery: Recovery | None = None
    """What it takes over from that run."""
    on_behalf_of: str = ""
    trigger: str = ""
    """Only of the scheduler's: for whom it asks (who changed the trigger last), and `env.task/trigger`."""


# -- actions: decided by the executor, reported by agents --------------------------------------------------


class ActionRequested(EventData):
    """Somebody asks for a task to run: a user for the root action, a running action for its child."""

    TYPE: ClassVar[str] = "flyte.action.requested.v1"
    task: TaskReference
    inputs: Mapping[str, AnyLiteral] = {}
    parent: Name | None = None
    parent_attempt: PositiveInt | None = None
    group: str | None = None
    env_vars: dict[str, str] = {}
    """Of the run; they win over the template's."""
    custom_context: dict[str, str] = {}
    """What the caller hands down to all actions below."""
    overrides: TaskOverrides | None = None
    """What this call wants otherwise than the task's template."""
    settings: RunSettings | None = None
    """Of the run, on its root action."""
    refused: Failure | None = None
    """Why it may not run: its project is over a limit."""
    requested_by: str = ""


class ActionQueued(EventData):
    """Attempt number `attempt` may run; its sequence in the log is the fence that an agent claims."""

    TYPE: ClassVar[str] = "flyte.action.queued.v1"
    attempt: PositiveInt
    pool: str
    interruptible: bool = False
    """Whether it may run on a machine that can be taken away at any moment."""


class AttemptWaiting(EventData):
    """Nobody has the attempt yet: it waits for `message`, in the words of where it is to run."""

    TYPE: ClassVar[str] = "flyte.attempt.waiting.v1"
    attempt: PositiveInt
    message: str = Field(min_length=1, max_length=2000)


class AttemptPlaced(EventData):
    """A worker has claimed the attempt and prepares it: fetches the bundle, imports the code."""

    TYPE: ClassVar[str] = "flyte.attempt.placed.v1"
    attempt: PositiveInt
    worker: str


class AttemptReclaimed(EventData):
    """The worker was silent for longer than its lease, and has the attempt still: it lives, and goes on.

    Written expecting the last word on the action, as the loss of a worker is: one of the two comes first.
    """

    TYPE: ClassVar[str] = "flyte.attempt.reclaimed.v1"
    attempt: PositiveInt
    worker: str


class AttemptStarted(EventData):
    """The user's function was entered; or is next, in a warm process: then this is the claim as well."""

    TYPE: ClassVar[str] = "flyte.attempt.started.v1"
    attempt: PositiveInt
    worker: str


class AttemptSaved(EventData):
    """Something of the attempt's in the artifact store; a greater `serial` replaces it. 0: not told."""

    attempt: PositiveInt
    uri: str
    sha256: Sha256
    size_bytes: NonNegativeInt
    serial: NonNegativeInt = 0


class AttemptReported(AttemptSaved):
    """The attempt's HTML report, as it is now."""

    TYPE: ClassVar[str] = "flyte.attempt.reported.v1"


class AttemptCheckpointed(AttemptSaved):
    """What the attempt saved of its work: file or folder `name` (a folder as a tar archive)."""

    TYPE: ClassVar[str] = "flyte.attempt.checkpointed.v1"
    name: str = Field(min_length=1, max_length=255)
    is_folder: bool = False


class AttemptSucceeded(EventData):
    """The function returned; `log_end` is how many bytes of output the attempt wrote."""

    TYPE: ClassVar[str] = "flyte.attempt.succeeded.v1"
    attempt: PositiveInt
    outputs: Mapping[str, AnyLiteral] = {}
    log_end: NonNegativeInt = 0


class AttemptFailed(EventData):
    """The attempt is over without a result; what follows is the executor's decision."""

    TYPE: ClassVar[str] = "flyte.attempt.failed.v1"
    attempt: PositiveInt
    failure: Failure
    log_end: NonNegativeInt | None = None
    """None when nobody is left who knows how much was written."""


class ActionRetried(EventData):
    """Attempt `attempt` failed and another one follows."""

    TYPE: ClassVar[str] = "flyte.action.retried.v1"
    attempt: PositiveInt
    reason: str
    retry_at: Moment | None = None
    """Not before this time; None: at once."""


class ActionFailed(EventData):
    """No further attempt: the action failed."""

    TYPE: ClassVar[str] = "flyte.action.failed.v1"
    failure: Failure


class ActionTimedOut(EventData):
    """No further attempt: the last one ran too long."""

    TYPE: ClassVar[str] = "flyte.action.timed-out.v1"
    failure: Failure


class ActionAborted(EventData):
    """The action was given up; its process is stopped. `requested_by` is empty when nobody asked for it."""

    TYPE: ClassVar[str] = "flyte.action.aborted.v1"
    reason: str
    requested_by: str = ""


class ActionCacheHit(EventData):
    """The action needs no attempt: `source` (project/domain/run/action) has computed the same before."""

    TYPE: ClassVar[str] = "flyte.action.cache-hit.v1"
    source: str
    outputs: Mapping[str, AnyLiteral] = {}


class TraceEnded(EventData):
    """A step of a running action is over: a call of a traced function, or one item of a traced generator.

    The step has a subject of its own, by a name that follows from the call as a child's does, and this is the
    first and last word on it. `name` is the function's, with its module.
    """

    name: str = Field(min_length=1, max_length=300)
    parent: Name
    parent_attempt: PositiveInt
    group: str | None = None
    inputs: Mapping[str, AnyLiteral] = {}
    outputs: Mapping[str, AnyLiteral] = {}
    started_at: Moment


class TraceSucceeded(TraceEnded):
    """The step gave a value: who repeats the call gets it, and nothing runs.

    `recovered_from` (project/domain/run/action) is the step of an earlier run that gave it, if one did.
    """

    TYPE: ClassVar[str] = "flyte.trace.succeeded.v1"
    recovered_from: str = ""


class TraceFailed(TraceEnded):
    """The step raised. Under the call's own name only what is not recoverable: that is raised again.

    What is recoverable is executed again, so it stands under a name that is the attempt's too.
    """

    TYPE: ClassVar[str] = "flyte.trace.failed.v1"
    failure: Failure


class ActionRecovered(EventData):
    """The action needs no attempt: `source` (project/domain/run/action) of the run recovered gave this."""

    TYPE: ClassVar[str] = "flyte.action.recovered.v1"
    source: str
    outputs: Mapping[str, AnyLiteral] = {}


class ConditionRequested(EventData):
    """A running action asks a question that somebody has to answer; its subject names the condition.

    `prompt` is the question, `data_type` what an answer is; without one within `timeout_s` it is over.
    """

    TYPE: ClassVar[str] = "flyte.condition.requested.v1"
    prompt: str
    prompt_type: Literal["text", "markdown"] = "text"
    data_type: Literal["bool", "int", "float", "str"] = "bool"
    description: str = ""
    timeout_s: Seconds | None = None
    parent: Name
    parent_attempt: PositiveInt
    group: str | None = None


class ConditionAnnounced(EventData):
    """The condition's webhook was called; `error` is why nobody took it, when nobody did."""

    TYPE: ClassVar[str] = "flyte.condition.announced.v1"
    error: str = ""


class ConditionSignalled(EventData):
    """Somebody has answered: the condition has succeeded, and `value` is its output."""

    TYPE: ClassVar[str] = "flyte.condition.signalled.v1"
    value: Answer
    signalled_by: str = ""


class AttemptStopped(EventData):
    """The process of an attempt that its action's end cut short is gone: the proof that nothing runs on."""

    TYPE: ClassVar[str] = "flyte.attempt.stopped.v1"
    attempt: PositiveInt
    worker: str = ""


class TimerDue(EventData):
    """It is `at` or later: whoever set this timer wants to look at the action again."""

    TYPE: ClassVar[str] = "flyte.timer.due.v1"
    at: Moment


# -- logs: written by agents -------------------------------------------------------------------------------


class LogSegment(Word):
    """Consecutive output of one stream."""

    stream: Literal["stdout", "stderr"]
    text: str


class LogWritten(EventData):
    """A chunk of an attempt's output: `offset` bytes came before it, and it covers `size_bytes`.

    Bytes that are not UTF-8 stand as backslash escapes in `text`.
    """

    TYPE: ClassVar[str] = "flyte.log.written.v1"
    attempt: PositiveInt
    offset: NonNegativeInt
    size_bytes: NonNegativeInt
    segments: tuple[LogSegment, ...]


# -- requests: written by users ----------------------------------------------------------------------------


class DeployTask(EventData):
    """Please make this template a version of its task."""

    TYPE: ClassVar[str] = "flyte.request.deploy-task.v1"
    version: Version
    template: TaskTemplate


class StartRun(EventData):
    """Please run this task version; the subject names the run."""

    TYPE: ClassVar[str] = "flyte.request.start-run.v1"
    task: TaskReference
    inputs: Mapping[str, AnyLiteral] = {}
    env_vars: dict[str, str] = {}
    custom_context: dict[str, str] = {}
    overrides: TaskOverrides | None = None
    settings: RunSettings | None = None
    requested_by: str = ""


class AbortAction(EventData):
    """Please give an action up, and all below it; the subject names the run, `a0` stands for it."""

    TYPE: ClassVar[str] = "flyte.request.abort-action.v1"
    action: Name
    reason: str = ""
    requested_by: str = ""


class SignalCondition(EventData):
    """Please take this as the answer to a condition; the subject names the run."""

    TYPE: ClassVar[str] = "flyte.request.signal-condition.v1"
    condition: Name
    value: Answer
    requested_by: str = ""


# -- what could not be read --------------------------------------------------------------------------------


class MessageRejected(EventData):
    """Bytes on one of our subjects that are no word of ours: set aside, and the consumer went on."""

    TYPE: ClassVar[str] = "flyte.message.rejected.v1"
    stream: str
    message_subject: str
    sequence: NonNegativeInt
    reason: str
    excerpt: str = Field(default="", max_length=400)
