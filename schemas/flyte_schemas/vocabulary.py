"""All words that may follow `type` on the wire, and what stands for those that this version does not know."""

from typing import Any

from flyte_schemas.events import (
    AbortAction,
    ActionAborted,
    ActionCacheHit,
    ActionFailed,
    ActionQueued,
    ActionRecovered,
    ActionRequested,
    ActionRetried,
    ActionTimedOut,
    AttemptCheckpointed,
    AttemptFailed,
    AttemptPlaced,
    AttemptReclaimed,
    AttemptReported,
    AttemptStarted,
    AttemptStopped,
    AttemptSucceeded,
    AttemptWaiting,
    ConditionAnnounced,
    ConditionRequested,
    ConditionSignalled,
    DeployTask,
    EventData,
    LogWritten,
    MessageRejected,
    SignalCondition,
    StartRun,
    TaskDeployed,
    TaskDeployRejected,
    TimerDue,
    TraceFailed,
    TraceSucceeded,
)
from flyte_schemas.imported import RunImported, TaskImported
from flyte_schemas.notices import NotificationFailed
from flyte_schemas.seals import RunSealed
from flyte_schemas.trigger_events import (
    CreateTrigger,
    DeleteTrigger,
    DeployTriggers,
    SwitchTrigger,
    TriggerCreated,
    TriggerDeleted,
    TriggerRefused,
    TriggersDeployed,
    TriggerSwitched,
)
from flyte_schemas.words import Word

DATA_TYPES: tuple[type[EventData], ...] = (
    TaskDeployed,
    TaskDeployRejected,
    TaskImported,
    RunImported,
    ActionRequested,
    ActionQueued,
    AttemptWaiting,
    AttemptPlaced,
    AttemptReclaimed,
    AttemptStarted,
    AttemptReported,
    AttemptCheckpointed,
    AttemptSucceeded,
    AttemptFailed,
    ActionRetried,
    ActionFailed,
    ActionTimedOut,
    ActionAborted,
    ActionCacheHit,
    TraceSucceeded,
    TraceFailed,
    ActionRecovered,
    ConditionRequested,
    ConditionAnnounced,
    ConditionSignalled,
    AttemptStopped,
    TimerDue,
    LogWritten,
    DeployTask,
    StartRun,
    AbortAction,
    SignalCondition,
    MessageRejected,
    DeployTriggers,
    CreateTrigger,
    SwitchTrigger,
    DeleteTrigger,
    TriggersDeployed,
    TriggerCreated,
    TriggerSwitched,
    TriggerDeleted,
    TriggerRefused,
    NotificationFailed,
    RunSealed,
)


class UnknownData(Word):
    """The data of a type that this version does not know: kept as it came, skipped by every fold."""

    type: str
    document: Any
