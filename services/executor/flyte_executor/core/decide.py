"""What follows from the state of an action: at most one decision, from state alone.

It looks at where an action stands and never at how the news came, so the same function serves an event
that just happened, a restart, and a second executor that looks at the same log.
"""

from dataclasses import dataclass

from flyte_schemas.action import ActionState
from flyte_schemas.events import (
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionRetried,
    ActionTimedOut,
    EventData,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.phase import ActionPhase
from flyte_schemas.task import TaskReference, TaskTemplate

TIMED_OUT = "TaskTimeout"
"""The code of an attempt that ran longer than its task allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a decision needs beside the action's own state.

    `template` None: the task version was never deployed. `max_system_failures` is how many attempts in a row
    the platform may lose before it gives up.
    """

    template: TaskTemplate | None
    parent_ended: bool
    max_system_failures: int


def decide(state: ActionState, around: Surroundings) -> EventData | None:
    """The decision that is due; None when nothing is."""
    if not state.is_live or state.requested is None:
        return None
    if around.parent_ended:
        return ActionAborted(reason="its parent ended first")
    if around.template is None:
        return ActionFailed(failure=_not_deployed(state.requested.task))
    if state.phase is ActionPhase.QUEUED:
        return ActionQueued(attempt=state.attempt + 1, pool="process")
    if state.attempt_over and state.failure is not None:
        template = around.template.overridden(state.requested.overrides)
        return after_failure(state, state.failure, template, around.max_system_failures)
    return None


def after_failure(
    state: ActionState, failure: Failure, template: TaskTemplate, max_system_failures: int
) -> EventData:
    """Another attempt or the end. The user's budget is the task's `retries`; the platform has its own."""
    if failure.kind is FailureKind.SYSTEM:
        if state.system_failures < max_system_failures:
            return ActionRetried(attempt=state.attempt, reason=f"{failure.code}: {failure.message}")
        return ActionFailed(failure=_given_up(failure, state.system_failures))
    if failure.recoverable and state.user_failures <= template.policies.retries:
        return ActionRetried(attempt=state.attempt, reason=f"{failure.code}: {failure.message}")
    if failure.code == TIMED_OUT:
        return ActionTimedOut(failure=failure)
    return ActionFailed(failure=failure)


def _given_up(failure: Failure, times: int) -> Failure:
    if times == 1:
        return failure
    return failure.model_copy(
        update={"message": f"{failure.message} (the last of {times} losses in a row; the platform gave up)"}
    )


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
