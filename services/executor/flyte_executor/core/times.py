"""What an action's policies say about time: how long it may wait and be tried, and when it may try again.

How long an attempt runs is its agent's to watch; what is here needs no process to be there.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flyte_schemas.action import ActionState
from flyte_schemas.events import ActionTimedOut, AttemptFailed
from flyte_schemas.exhausted import past_deadline, waited_too_long
from flyte_schemas.moments import LONGEST_S
from flyte_schemas.phase import ActionPhase
from flyte_schemas.policies import Backoff, Policies


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Nothing is due before `at`; something may be then."""

    at: datetime


def overdue(state: ActionState, policies: Policies, now: datetime) -> ActionTimedOut | AttemptFailed | None:
    """What has taken too long by now."""
    deadline = _deadline(state, policies)
    if deadline is not None and now >= deadline:
        return ActionTimedOut(failure=past_deadline(policies.deadline_s or 0.0))
    placed_by = _placed_by(state, policies)
    if placed_by is not None and now >= placed_by:
        failure = waited_too_long(policies.max_queued_s or 0.0, state.waiting)
        return AttemptFailed(attempt=state.attempt, failure=failure)
    return None


def next_look(state: ActionState, policies: Policies) -> WakeAt | None:
    """When time alone may change what is due."""
    retry_at = state.retry_at if state.phase is ActionPhase.QUEUED else None
    moments = (_deadline(state, policies), _placed_by(state, policies), retry_at)
    return min((WakeAt(at) for at in moments if at is not None), key=lambda wake: wake.at, default=None)


def retry_at(backoff: Backoff | None, failures: int, now: datetime) -> datetime | None:
    """When the attempt after the `failures`-th failure may begin; None: at once."""
    if backoff is None:
        return None
    longest_s = LONGEST_S if backoff.cap_s is None else backoff.cap_s
    try:
        delay_s = min(backoff.base_s * backoff.factor ** (failures - 1), longest_s)
    except OverflowError:
        delay_s = longest_s if backoff.base_s else 0.0
    return now + timedelta(seconds=delay_s) if delay_s > 0 else None


def _deadline(state: ActionState, policies: Policies) -> datetime | None:
    if policies.deadline_s is None or state.requested_at is None:
        return None
    return state.requested_at + timedelta(seconds=policies.deadline_s)


def _placed_by(state: ActionState, policies: Policies) -> datetime | None:
    waits = state.phase is ActionPhase.WAITING_FOR_RESOURCES and state.has_open_attempt
    if not waits or policies.max_queued_s is None or state.queued_at is None:
        return None
    return state.queued_at + timedelta(seconds=policies.max_queued_s)
