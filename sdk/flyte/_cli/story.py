"""Events as text for a person: one line each."""

from datetime import UTC

from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import (
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
    RunSettings,
    TaskDeployed,
    TaskDeployRejected,
    TraceFailed,
    TraceSucceeded,
)
from flyte_schemas.failure import Failure
from flyte_schemas.imported import RunImported
from flyte_schemas.notices import NotificationFailed
from flyte_schemas.seals import RunSealed
from flyte_schemas.trigger_events import (
    TriggerCreated,
    TriggerDeleted,
    TriggerRefused,
    TriggersDeployed,
    TriggerSwitched,
)


def event_line(action: str, event: AnyEvent) -> str:
    """One event in a line: when, to which action, what."""
    return f"{time_of(event)}  {action:<20}  {event_text(event)}"


def time_of(event: AnyEvent) -> str:
    """When it happened, in UTC."""
    return f"{event.time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z"


def event_text(event: AnyEvent) -> str:
    """What an event says, without time and place."""
    match event.data:
        case ActionRequested() as data:
            group = f" in group {data.group}" if data.group else ""
            return f"requested{_by(data.parent or asked_by_text(data))}: {data.task}{group}"
        case ActionQueued(attempt=attempt, pool=pool, interruptible=interruptible):
            return f"queued attempt {attempt} on {pool}{', interruptible' if interruptible else ''}"
        case AttemptWaiting(attempt=attempt, message=message):
            return f"attempt {attempt} waits for {_first_line(message)}"
        case AttemptPlaced(attempt=attempt, worker=worker):
            return f"placed attempt {attempt} on {worker}"
        case AttemptReclaimed(attempt=attempt, worker=worker):
            return f"goes on with attempt {attempt}: {worker} was out of touch for longer than its lease"
        case AttemptStarted(attempt=attempt):
            return f"started attempt {attempt}"
        case AttemptReported(attempt=attempt, size_bytes=size):
            return f"reported in attempt {attempt}: {size} bytes"
        case AttemptCheckpointed(attempt=attempt, name=name, size_bytes=size):
            return f"saved a checkpoint in attempt {attempt}: {name}, {size} bytes"
        case AttemptSucceeded(attempt=attempt):
            return f"succeeded in attempt {attempt}"
        case AttemptFailed(attempt=attempt, failure=failure):
            return f"failed in attempt {attempt}: {_brief(failure)}"
        case ActionRetried(reason=reason, retry_at=at):
            pause = f" at {at.astimezone(UTC):%H:%M:%S}Z" if at else ""
            return f"tries again{pause}: {_first_line(reason)}"
        case ActionCacheHit(source=source):
            return f"taken from the cache: {source} has computed it"
        case TraceSucceeded(name=name, parent=parent, recovered_from=source):
            return f"traced in {parent}: {name}" + (f", recovered: {source} had given it" if source else "")
        case TraceFailed(name=name, parent=parent, failure=failure):
            return f"traced in {parent}: {name} failed: {_brief(failure)}"
        case ActionRecovered(source=source):
            return f"recovered: {source} had given it"
        case ConditionRequested() as data:
            limit = f" within {data.timeout_s:g} s" if data.timeout_s else ""
            return f"paused by {data.parent}: {_first_line(data.prompt)} ({data.data_type}{limit})"
        case ConditionAnnounced(error=error):
            return f"webhook not told: {error}" if error else "webhook told"
        case ConditionSignalled(value=value, signalled_by=somebody):
            return f"answered{_by(somebody)}: {_first_line(str(value))}"
        case AttemptStopped(attempt=attempt):
            return f"stopped the process of attempt {attempt}"
        case ActionFailed(failure=failure):
            return f"failed: {_brief(failure)}"
        case ActionTimedOut(failure=failure):
            return f"timed out: {_brief(failure)}"
        case RunImported(origin=origin, imported_by=somebody):
            return f"imported{_by(somebody)}: what follows happened as {origin}"
        case ActionAborted(reason=reason, requested_by=somebody):
            return f"aborted{_by(somebody)}: {reason}"
        case TaskDeployed(version=version, requested_by=somebody):
            return f"deployed version {version}{_by(somebody)}"
        case TaskDeployRejected(version=version, failure=failure, requested_by=somebody):
            return f"refused version {version}{_by(somebody, 'of')}: {_brief(failure)}"
        case _:
            return _about_triggers(event)


def _about_triggers(event: AnyEvent) -> str:
    match event.data:
        case TriggersDeployed(version=version, triggers=triggers, requested_by=somebody):
            names = ", ".join(trigger.name for trigger in triggers) or "none"
            return f"triggers of version {version}{_by(somebody, 'deployed by')}: {names}"
        case TriggerCreated(trigger=trigger, requested_by=somebody):
            return f"trigger {trigger.name} created{_by(somebody)}"
        case TriggerSwitched(name=name, is_active=is_active, requested_by=somebody):
            return f"trigger {name} switched {'on' if is_active else 'off'}{_by(somebody)}"
        case TriggerDeleted(name=name, requested_by=somebody):
            return f"trigger {name} deleted{_by(somebody)}"
        case TriggerRefused(reason=reason):
            return f"refused: {_first_line(reason)}"
        case NotificationFailed(target=target, tries=tries, error=error):
            return f"nobody took the notification for {target} in {tries} tries: {_first_line(error)}"
        case RunSealed(count=count, key=key):
            return f"sealed: {count} events, signed by {key}"
        case _:
            return event.type


def asked_by_text(asked: ActionRequested) -> str:
    """By whom a run was asked for, and for whom a service did so."""
    settings = asked.settings or RunSettings()
    person = f" on behalf of {settings.on_behalf_of}" if settings.on_behalf_of else ""
    trigger = f" (trigger {settings.trigger})" if settings.trigger else ""
    return f"{asked.requested_by}{person}{trigger}"


def _by(somebody: str, word: str = "by") -> str:
    return f" {word} {somebody}" if somebody else ""


def _brief(failure: Failure) -> str:
    return f"{failure.code}: {_first_line(failure.message)}" if failure.message else failure.code


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
