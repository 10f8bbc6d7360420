"""What an action that is not over waits for, and what those below it wait for."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from flyte._explaining import wording
from flyte._explaining.explanation import Clock, Surroundings, Wait, WaitsFor
from flyte._explaining.record import RunRecord
from flyte_schemas.action import ActionState
from flyte_schemas.phase import ActionPhase
from flyte_schemas.policies import Policies
from flyte_schemas.pools import PROCESS

_P = ActionPhase

_Reason = tuple[WaitsFor, str, datetime | None]
"""What an action waits for, in words, and since when."""


def waits_of(record: RunRecord, run: str, action: str, around: Surroundings) -> Iterator[Wait]:
    """Of the action first, then of all that is alive below it."""
    yield _wait_of(record, run, action, around)
    for name, state in record.below(action):
        if state.is_live:
            yield _wait_of(record, run, name, around)


def clocks_of(record: RunRecord, action: str, around: Surroundings) -> Iterator[Clock]:
    """The times that an action's task (or condition) has set, the next one first."""
    state = record.state(action)
    asked_at, condition = state.requested_at, state.condition
    if condition is not None and condition.timeout_s is not None and asked_at is not None:
        at = asked_at + timedelta(seconds=condition.timeout_s)
        yield Clock(at=at, text=wording.answer_by(condition.timeout_s))
    policies = policies_of(record, action, around)
    if policies is not None:
        yield from sorted(_clocks(record, action, policies), key=lambda clock: clock.at)


def policies_of(record: RunRecord, action: str, around: Surroundings) -> Policies | None:
    """How the action is treated, as its call wants it; None when its task is not in the log."""
    requested = record.state(action).requested
    template = around.templates.get(requested.task) if requested else None
    return template.overridden(requested.overrides).policies if template and requested else None


def slot_queue(record: RunRecord) -> list[str]:
    """The actions of the run that wait for a slot or a worker of their pool, the first one first."""
    waiting = [
        (state.fence, name) for name, state in record.fold.actions.items() if _waits_for_slot(record, name)
    ]
    return [name for _, name in sorted(waiting)]


def _pool_of(record: RunRecord, action: str) -> str:
    """Where the last attempt at an action is to run."""
    attempts = record.attempts(action)
    return attempts[-1].pool if attempts else PROCESS


def limit_of(record: RunRecord) -> int | None:
    """How many actions of the run may have a slot at a time, if it says so."""
    root = record.fold.root.requested
    return root.settings.max_action_concurrency if root and root.settings else None


def is_held_back(record: RunRecord) -> bool:
    """Whether the run itself keeps its actions from having more slots."""
    limit = limit_of(record)
    return limit is not None and busy(record) >= limit


def _waits_for_slot(record: RunRecord, action: str) -> bool:
    """An action that has children needs no slot: it mostly waits for them."""
    state = record.state(action)
    waits = state.phase is _P.WAITING_FOR_RESOURCES and state.has_open_attempt
    return waits and not record.fold.has_children(action)


def _wait_of(record: RunRecord, run: str, action: str, around: Surroundings) -> Wait:
    state = record.state(action)
    if state.condition is not None:
        text = wording.waits_for_person(state.condition, run, action)
        waits_for, since = WaitsFor.PERSON, state.requested_at
    else:
        waits_for, text, since = _reason(record, action, state, around)
    until = state.retry_at if waits_for is WaitsFor.BACKOFF else None
    return Wait(
        action=action, task=record.task(action), waits_for=waits_for, text=text, since=since, until=until
    )


def _reason(record: RunRecord, action: str, state: ActionState, around: Surroundings) -> _Reason:
    attempts, now = record.attempts(action), around.now
    last = attempts[-1] if attempts else None
    if state.attempt_over and state.phase is not _P.QUEUED:
        since = last.ended_at if last else None
        return WaitsFor.EXECUTOR, wording.waits_for_decision(state.failure), since
    if state.phase is _P.QUEUED:
        return _queued(action, state, around)
    if state.phase is _P.WAITING_FOR_RESOURCES:
        queue, since = slot_queue(record), state.queued_at
        if state.waiting:
            return WaitsFor.START, wording.waits_for_place(state.waiting), since
        if action not in queue:
            return WaitsFor.START, wording.waits_for_process(), since
        pool = _pool_of(record, action)
        rivals = [one for one in queue if _pool_of(record, one) == pool]
        place = rivals.index(action) + 1
        text = wording.waits_for_slot(place, len(rivals), pool, is_held_back=is_held_back(record))
        return WaitsFor.SLOT, text, since
    if state.phase is _P.INITIALIZING:
        placed_at = last.placed_at if last else None
        text = wording.waits_for_start(state.worker, placed_at, now)
        return WaitsFor.START, text, placed_at
    started_at = last.started_at if last else None
    children = [child.is_live for _, child in record.children(action)]
    if any(children):
        text = wording.waits_for_children(sum(children), len(children) - sum(children))
        return WaitsFor.CHILDREN, text, started_at
    text = wording.waits_for_function(state.attempt, state.worker, started_at, now)
    return WaitsFor.FUNCTION, text, started_at


def _queued(action: str, state: ActionState, around: Surroundings) -> _Reason:
    following = state.attempt + 1
    if state.retry_at is not None and state.retry_at > around.now:
        text = wording.waits_for_backoff(following, state.retry_at, around.now, state.failure)
        return WaitsFor.BACKOFF, text, None
    if state.attempt:
        return WaitsFor.EXECUTOR, wording.waits_for_retry(following), state.retry_at
    if action in around.computing:
        text = wording.waits_for_result(around.computing[action])
        return WaitsFor.RESULT, text, state.requested_at
    text = wording.waits_for_executor(state.requested_at, around.now, around.has_executor)
    return WaitsFor.EXECUTOR, text, state.requested_at


def busy(record: RunRecord) -> int:
    """How many actions of the run hold a slot, as far as the log tells."""
    return sum(
        state.has_open_attempt
        and state.phase in (_P.INITIALIZING, _P.RUNNING)
        and not record.fold.has_children(name)
        for name, state in record.fold.actions.items()
    )


def _clocks(record: RunRecord, action: str, policies: Policies) -> Iterator[Clock]:
    state, attempts = record.state(action), record.attempts(action)
    if policies.deadline_s is not None and state.requested_at is not None:
        at = state.requested_at + timedelta(seconds=policies.deadline_s)
        yield Clock(at=at, text=wording.deadline(policies.deadline_s))
    waits = state.phase is _P.WAITING_FOR_RESOURCES and state.has_open_attempt
    if policies.max_queued_s is not None and waits and state.queued_at is not None:
        at = state.queued_at + timedelta(seconds=policies.max_queued_s)
        yield Clock(at=at, text=wording.place_by(policies.max_queued_s))
    started_at = attempts[-1].started_at if attempts and state.has_open_attempt else None
    if policies.max_runtime_s is not None and started_at is not None:
        at = started_at + timedelta(seconds=policies.max_runtime_s)
        yield Clock(at=at, text=wording.runs_until(policies.max_runtime_s))
