"""Conditions: what follows from time alone, and from somebody's answer."""

from datetime import datetime, timedelta

from flyte_executor.core.times import WakeAt
from flyte_schemas.action import ActionState
from flyte_schemas.conditions import TIMED_OUT, fitting, unfit
from flyte_schemas.events import ActionTimedOut, ConditionRequested, ConditionSignalled, SignalCondition
from flyte_schemas.failure import Failure, FailureKind


def until_answered(
    state: ActionState, condition: ConditionRequested, now: datetime
) -> ActionTimedOut | WakeAt | None:
    """What is due for a condition that nobody has answered."""
    if condition.timeout_s is None or state.requested_at is None:
        return None
    deadline = state.requested_at + timedelta(seconds=condition.timeout_s)
    return ActionTimedOut(failure=_not_answered(condition.timeout_s)) if now >= deadline else WakeAt(deadline)


def answer_to(state: ActionState, request: SignalCondition) -> ConditionSignalled | str | None:
    """The decision that an answer brings, or why it is none; None when it came too late."""
    if state.condition is None:
        return f"{request.condition} is no condition"
    if state.is_terminal:
        return None
    value = fitting(state.condition.data_type, request.value)
    if value is None:
        return unfit(request.condition, state.condition.data_type, request.value)
    return ConditionSignalled(value=value, signalled_by=request.requested_by)


def _not_answered(timeout_s: float) -> Failure:
    return Failure(
        code=TIMED_OUT,
        kind=FailureKind.USER,
        message=f"nobody answered within {timeout_s:g} s",
        hint="give the condition a longer timeout, or answer it in time: `flyte signal condition`",
        recoverable=False,
    )
