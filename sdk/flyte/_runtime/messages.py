"""What the agent and the runner (the user's process) tell each other over their socket."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from flyte_schemas.conditions import AnswerType
from flyte_schemas.endpoints import (
    CompleteUpload,
    CreateDownloadLocation,
    CreateUploadLocation,
    DownloadLocation,
    UploadCompleted,
    UploadLocation,
)
from flyte_schemas.events import AttemptCheckpointed, TraceFailed, TraceSucceeded
from flyte_schemas.failure import Failure
from flyte_schemas.literals import AnyLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.task import TaskOverrides, TaskReference, TaskTemplate
from flyte_schemas.words import Sha256, Word

MAX_FRAME_BYTES = 256 * 1024**2
"""The largest message. Inputs and outputs that are larger than 64 KiB pass by reference."""


class SeenSecrets(Word):
    """What a task sees of its secrets: variables, and the folder of those that are files, if any are.

    `hidden` are all values, which stand in no report.
    """

    variables: dict[str, str] = Field(default={}, repr=False)
    folder: str = ""
    hidden: tuple[str, ...] = Field(default=(), repr=False)


class Assignment(Word):
    """Which attempt to run.

    `root` is where the bundle was unpacked, `run_began` when the run was asked for, `checkpoint` what an
    earlier attempt saved; `patience_s` is how long the runner outlasts an artifact store that is away, in
    seconds. Inputs that are large are references. Children and steps are named as those of
    `names_of`; None: as this action's own. With `recovers` an earlier run may have recorded its steps. A
    process that is `reused` gets another one of these after its last word; else it ends. `traceparent` names
    the attempt's span, if it is traced.
    """

    project: str
    domain: str
    run: str
    action: str
    attempt: int
    version: str
    inputs: Mapping[str, AnyLiteral]
    env_vars: dict[str, str]
    custom_context: Mapping[str, str] = {}
    root: str
    run_began: datetime | None = None
    raw_data_path: str = ""
    patience_s: float = 60.0
    checkpoint: AttemptCheckpointed | None = None
    names_of: str | None = None
    recovers: bool = False
    reused: bool = False
    traceparent: str | None = None
    secrets: SeenSecrets | None = None


class Start(Assignment):
    """To the runner, first: run this task."""

    kind: Literal["start"] = "start"
    template: TaskTemplate

    def again(self) -> "Again":
        """The same, for a runner that has this template from the last `Start`."""
        return _BLANK.model_copy(update={name: getattr(self, name) for name in Assignment.model_fields})


class Again(Assignment):
    """To a runner that is reused: run the task of the last `Start` once more."""

    kind: Literal["again"] = "again"

    def of(self, last: Start) -> Start:
        """The whole order, whose task is that of the last one."""
        return last.model_copy(update={name: getattr(self, name) for name in Assignment.model_fields})


_BLANK = Again(
    project="", domain="", run="", action="", attempt=0, version="", inputs={}, env_vars={}, root=""
)
"""Copied and filled: several times quicker than to construct one."""


class Together(Word):
    """To the runner, before all else: it will serve several attempts at a time, each in a lane.

    From here on each frame has the number of its lane, in four bytes between its length and its JSON.
    """

    kind: Literal["together"] = "together"


class Cancel(Word):
    """To the runner: end the attempt of this lane, which may clean up."""

    kind: Literal["cancel"] = "cancel"


class Printed(Word):
    """To the agent: what the attempt of this lane has printed."""

    kind: Literal["printed"] = "printed"
    stream: Literal["stdout", "stderr"]
    text: str


class Exiting(Word):
    """To the agent: the code of this lane ends the process, whoever else runs in it."""

    kind: Literal["exiting"] = "exiting"


class Entered(Word):
    """To the agent: the user's function runs now."""

    kind: Literal["entered"] = "entered"


class Ask(Word):
    """To the agent: run a child action of this name, below this span; call `call` waits for it."""

    kind: Literal["ask"] = "ask"
    call: int
    action: str
    task: TaskReference
    inputs: Mapping[str, AnyLiteral]
    group: str | None = None
    custom_context: Mapping[str, str] = {}
    overrides: TaskOverrides | None = None
    traceparent: str | None = None


class ChildEnded(Word):
    """To the runner: the child that call `call` waits for has ended."""

    kind: Literal["child-ended"] = "child-ended"
    call: int
    phase: ActionPhase
    outputs: Mapping[str, AnyLiteral] = {}
    failure: Failure | None = None
    abort_reason: str = ""


class Pause(Word):
    """To the agent: ask a person, as this condition; call `call` waits for the answer.

    When it is asked for the first time, `webhook` (an address, if any) is sent `payload`.
    """

    kind: Literal["pause"] = "pause"
    call: int
    condition: str
    prompt: str
    prompt_type: Literal["text", "markdown"] = "text"
    data_type: AnswerType = "bool"
    description: str = ""
    timeout_s: float | None = None
    group: str | None = None
    webhook: str | None = None
    payload: Any = None
    traceparent: str | None = None


class Paused(Word):
    """To the runner: the condition of call `call` is in the log, unless `failure` says why it is not.

    `ChildEnded` follows when it has an answer, or is over without one.
    """

    kind: Literal["paused"] = "paused"
    call: int
    failure: Failure | None = None


class GiveUp(Word):
    """To the agent: call `call` was cancelled, and nobody waits for its child by it any more."""

    kind: Literal["give-up"] = "give-up"
    call: int


class Find(Word):
    """To the agent: which deployed version is this? `version` None asks for the latest."""

    kind: Literal["find"] = "find"
    call: int
    name: str
    version: str | None = None


class Found(Word):
    """To the runner: the version that question `call` is about; without a template there is none."""

    kind: Literal["found"] = "found"
    call: int
    version: str | None = None
    template: TaskTemplate | None = None


class Locate(Word):
    """To the agent: ask the dataproxy where an object goes to, or comes from; call `call` waits for it."""

    kind: Literal["locate"] = "locate"
    call: int
    upload: CreateUploadLocation | None = None
    complete: CompleteUpload | None = None
    download: CreateDownloadLocation | None = None


class Located(Word):
    """To the runner: the answer to question `call`, or why there is none."""

    kind: Literal["located"] = "located"
    call: int
    upload: UploadLocation | None = None
    completed: UploadCompleted | None = None
    download: DownloadLocation | None = None
    failure: Failure | None = None


class Reported(Word):
    """To the agent: the attempt's HTML report lies there now."""

    kind: Literal["reported"] = "reported"
    uri: str
    sha256: Sha256
    size_bytes: int


class Save(Word):
    """To the agent: this is the attempt's checkpoint now; call `call` waits until the log says so."""

    kind: Literal["save"] = "save"
    call: int
    checkpoint: AttemptCheckpointed


class Saved(Word):
    """To the runner: the checkpoint of call `call` stands in the log."""

    kind: Literal["saved"] = "saved"
    call: int


class Recall(Word):
    """To the agent: what has an earlier attempt recorded under this name? None: under all names."""

    kind: Literal["recall"] = "recall"
    call: int
    step: str | None = None


class Record(Word):
    """To the agent: record this step; call `call` waits until it stands in the log."""

    kind: Literal["record"] = "record"
    call: int
    step: str
    trace: TraceSucceeded | TraceFailed
    traceparent: str | None = None


class Remembered(Word):
    """To the runner: what earlier attempts recorded, without inputs; what is `large` is asked for by name.

    `more`: another such word follows. It answers a `Recall` of all names; a `Kept` tells of its failure.
    """

    kind: Literal["remembered"] = "remembered"
    call: int
    traces: Mapping[str, TraceSucceeded | TraceFailed] = {}
    large: tuple[str, ...] = ()
    more: bool = False


class Kept(Word):
    """To the runner: what the record has under the name that call `call` is about.

    After a `Record`, None says that its own word stands; else another attempt's does.
    """

    kind: Literal["kept"] = "kept"
    call: int
    trace: TraceSucceeded | TraceFailed | None = None
    failure: Failure | None = None


class Returned(Word):
    """To the agent, last: the function returned."""

    kind: Literal["returned"] = "returned"
    outputs: Mapping[str, AnyLiteral]


class Raised(Word):
    """To the agent, last: the function (or loading it) raised."""

    kind: Literal["raised"] = "raised"
    failure: Failure


Message = Annotated[
    Start
    | Again
    | Together
    | Cancel
    | Printed
    | Exiting
    | Entered
    | Ask
    | ChildEnded
    | Pause
    | Paused
    | GiveUp
    | Find
    | Found
    | Locate
    | Located
    | Reported
    | Save
    | Saved
    | Recall
    | Record
    | Remembered
    | Kept
    | Returned
    | Raised,
    Field(discriminator="kind"),
]

_ADAPTER: TypeAdapter[Message] = TypeAdapter(Message)


def pack(message: Message) -> bytes:
    """A message as a frame: four bytes of length, big-endian, then JSON. Raises ValueError if too large."""
    body = message.model_dump_json().encode()
    if len(body) > MAX_FRAME_BYTES:
        raise ValueError(f"a message of {len(body)} bytes to the agent; the limit is {MAX_FRAME_BYTES}")
    return len(body).to_bytes(4, "big") + body


def in_lane(lane: int, frame: bytes) -> bytes:
    """The frame where several attempts share a process: between its length and its JSON stands the lane."""
    return frame[:4] + lane.to_bytes(4, "big") + frame[4:]


def unpack(body: bytes) -> Message:
    """The message in a frame's body. Raises pydantic's ValidationError."""
    return _ADAPTER.validate_json(body)
