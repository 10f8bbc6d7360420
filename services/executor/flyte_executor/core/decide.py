"""What follows from the state of an action: at most one decision, from state alone.

It looks at where an action stands and never at how the news came, so the same function serves an event
that just happened, a restart, and a second executor that looks at the same log.
"""

from dataclasses import dataclass
from datetime import datetime

from flyte_executor.core.conditions import until_answered
from flyte_executor.core.lookup import NOTHING, Lookup
from flyte_executor.core.times import WakeAt, next_look, overdue, retry_at
from flyte_schemas.action import ActionState
from flyte_schemas.events import (
    ActionAborted,
    ActionCacheHit,
    ActionFailed,
    ActionQueued,
    ActionRecovered,
    ActionRetried,
    ActionTimedOut,
    EventData,
    RunSettings,
)
from flyte_schemas.exhausted import given_up
from flyte_schemas.failure import TIMEOUTS, Failure, FailureKind
from flyte_schemas.failure_codes import MAX_SYSTEM_FAILURES
from flyte_schemas.phase import ActionPhase
from flyte_schemas.policies import Policies
from flyte_schemas.pools import PROCESS
from flyte_schemas.task import TaskReference, TaskTemplate

_NO_SETTINGS = RunSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a decision needs beside the action's own state.

    `recovered` is what an earlier run has for this action, `cache` what the cache says of one that waits for
    its first attempt.
    `template` None: the task version was never deployed. `pool` is where its attempts run.
    `max_system_failures` is how many attempts in a row the platform may lose before it gives up. `settings`
    are the run's. `exceeded`: the limit of its project that its run is over, of a root action.
    """

    now: datetime
    template: TaskTemplate | None
    pool: str = PROCESS
    settings: RunSettings = _NO_SETTINGS
    exceeded: Failure | None = None
    recovered: ActionRecovered | ActionFailed | None = None
    cache: Lookup = NOTHING
    parent_ended: bool
    max_system_failures: int


def decide(state: ActionState, around: Surroundings) -> EventData | WakeAt | None:
    """The decision that is due, or when time may bring one; None when only another event can."""
    if not state.is_live:
        return None
    if around.parent_ended:
        return ActionAborted(reason="its parent ended first")
    if (exceeded := around.exceeded or (state.requested and state.requested.refused)) is not None:
        return ActionFailed(failure=exceeded)
    if around.recovered is not None:
        return around.recovered
    if state.condition is not None:
        return until_answered(state, state.condition, around.now)
    if state.requested is None:
        return None
    if around.template is None:
        return ActionFailed(failure=_not_deployed(state.requested.task))
    policies = around.template.overridden(state.requested.overrides).policies
    late = overdue(state, policies, around.now)
    if late is not None:
        return late
    if around.cache.hit is not None:
        return ActionCacheHit(source=around.cache.hit.source, outputs=around.cache.hit.outputs)
    if around.cache.is_computed_elsewhere:
        return next_look(state, policies)
    if state.phase is ActionPhase.QUEUED and (state.retry_at is None or around.now >= state.retry_at):
        return ActionQueued(
            attempt=state.attempt + 1,
            pool=around.pool,
            interruptible=may_be_interrupted(state, policies, around),
        )
    if state.has_open_attempt or state.phase is ActionPhase.QUEUED or state.failure is None:
        return next_look(state, policies)
    return after_failure(state, state.failure, policies, around)


def may_be_interrupted(state: ActionState, policies: Policies, around: Surroundings) -> bool:
    """Whether the next attempt may run where it can be pre-empted; the last that is left may not."""
    of_run = around.settings.interruptible
    wanted = policies.interruptible if of_run is None else of_run
    return wanted and state.system_failures < around.max_system_failures - 1


def after_failure(
    state: ActionState, failure: Failure, policies: Policies, around: Surroundings
) -> EventData:
    """Another attempt or the end. The user's budget is the task's `retries`; the platform has its own."""
    reason = f"{failure.code}: {failure.message}"
    if failure.code == MAX_SYSTEM_FAILURES:  # a child's: its parent would meet the same child again
        return ActionFailed(failure=failure)
    if failure.kind is FailureKind.SYSTEM:
        if state.system_failures < around.max_system_failures:
            return ActionRetried(attempt=state.attempt, reason=reason)
        return ActionFailed(failure=given_up(failure, state.system_failures))
    if failure.recoverable and state.user_failures <= policies.retries:
        pause_until = retry_at(policies.backoff, state.user_failures, around.now)
        return ActionRetried(attempt=state.attempt, reason=reason, retry_at=pause_until)
    if failure.code in TIMEOUTS:
        return ActionTimedOut(failure=failure)
    return ActionFailed(failure=failure)


def _not_deployed(task: TaskReference) -> Failure:
    return Failure(
        code="TaskNotFound",
        kind=FailureKind.USER,
        message=f"task {task.name} has no version {task.version}",
        hint=(
            f"deploy the environment {task.environment!r} together with the one that calls it: "
            "name it in the caller's depends_on"
        ),
        recoverable=False,
    )
