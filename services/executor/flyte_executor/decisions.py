"""What the executor writes into the log beside what it decided from a state: losses, aborts and answers.

All look at the log first and expect what they saw; a conflict means that it went on, so each try sees more.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import structlog

from flyte_bus.errors import Conflict
from flyte_bus.history import read_action
from flyte_bus.ports import EventLog
from flyte_executor.backends.port import Gone, Waiting
from flyte_executor.clock import Now
from flyte_executor.core.conditions import answer_to
from flyte_executor.core.liveness import Suspect
from flyte_executor.core.lost import attempt_lost, worker_lost
from flyte_executor.settings import SERVICE
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import AnyEvent, Event
from flyte_schemas.events import AbortAction, ActionAborted, AttemptWaiting, EventData, SignalCondition
from flyte_schemas.subjects import ROOT_ACTION, ActionKey, AttemptKey, action_subject

log = structlog.get_logger()

MOST_WORDS = 1000
"""How much of what an attempt waits for is written down."""
MOST_OF_AN_END = 10_000
"""How much of how an attempt ended: it may quote what the task said, of any size."""
NO_REASON = "it was aborted by request"
NOT_OURS = "the run is being imported: what happens to it happened elsewhere"


def digest_of(request_id: str) -> str:
    """A request's id as it may stand in a header: whoever chose it may have put anything into it."""
    return hashlib.sha256(request_id.encode()).hexdigest()[:16]


def decision_event(key: ActionKey, data: EventData, state: ActionState, now: datetime) -> AnyEvent:
    """The event of a decision; its id follows from what it decides, so two executors write it once."""
    attempt = getattr(data, "attempt", state.attempt)
    return Event(
        id=f"{key}.{attempt}.{data.TYPE}.{state.version}",
        source=f"/{SERVICE}",
        subject=action_subject(key),
        time=now,
        cause=state.request_id or None,
        traceparent=state.traceparent,
        data=data,
    )


async def report_lost(events: EventLog, gone: Gone, now: Now) -> bool:
    """Write that the attempt failed or was stopped, unless it has ended or another worker has it.

    Says whether it was written.
    """
    key, failure, reason = gone.attempt.action, gone.failure, gone.reason[:MOST_OF_AN_END]
    if failure is not None:
        failure = failure.model_copy(update={"message": failure.message[:MOST_OF_AN_END]})
    while True:
        state, _ = await read_action(events, key)
        lost = attempt_lost(state, gone.attempt.attempt, gone.worker, reason, failure)
        if lost is None:
            return False
        try:
            await events.append(decision_event(key, lost, state, now()), expected=state.version)
        except Conflict:
            continue
        log.warning("executor.attempt.gone", attempt=str(gone.attempt), reason=reason, kind=lost.TYPE)
        return True


async def report_waiting(events: EventLog, waiting: Waiting, now: Now) -> None:
    """Write why nobody has the attempt yet, unless somebody has, or that was said last."""
    key, attempt = waiting.attempt.action, waiting.attempt.attempt
    word = AttemptWaiting(attempt=attempt, message=waiting.message[:MOST_WORDS])
    while True:
        state, _ = await read_action(events, key)
        if not state.has_open(attempt) or state.is_claimed or state.waiting == word.message:
            return
        try:
            await events.append(decision_event(key, word, state, now()), expected=state.version)
        except Conflict:
            continue
        return


async def report_silent(
    events: EventLog,
    suspect: Suspect,
    is_silent: Callable[[Suspect], Awaitable[bool]],
    stop: Callable[[AttemptKey], Awaitable[None]],
    ttl_s: int,
    now: Now,
) -> bool:
    """Write that the attempt failed because its worker is silent, unless it shows that it lives.

    Says whether it was written.

    The lease is looked at after the log, and what was seen there is expected: a worker that comes back writes
    its lease first and then into the log. So, in whatever order, it is not lost, or it learns that it is.
    """
    key, attempt = suspect.attempt.action, suspect.attempt.attempt
    state, _ = await read_action(events, key)
    lost = worker_lost(state, attempt, suspect.worker, ttl_s)
    if lost is None or not await is_silent(suspect):
        return False
    await stop(suspect.attempt)  # it may be of this machine, and asleep: at most one is to live
    try:
        await events.append(decision_event(key, lost, state, now()), expected=state.version)
    except Conflict:
        return False  # it said something, or its end was written: either way it is looked at again
    log.warning("executor.worker.lost", attempt=str(suspect.attempt), worker=suspect.worker, lease_s=ttl_s)
    return True


async def abort(
    events: EventLog, key: ActionKey, request_id: str, request: AbortAction, now: Now
) -> bool | str:
    """Write that the action was given up, unless it has ended. False when nobody has asked for it yet; why,
    when it is not ours to give up.

    What is below the action and what runs for it is not touched here: the executor sees the event like any
    other, aborts the children and stops the process. Raises the bus's errors.
    """
    while True:
        state, _ = await read_action(events, key)
        if state.phase is None:
            return False
        if state.is_terminal:
            return True
        if await _is_imported(events, key):
            return NOT_OURS
        aborted = ActionAborted(reason=request.reason or NO_REASON, requested_by=request.requested_by)
        event = replace(decision_event(key, aborted, state, now()), cause=request_id)
        try:
            await events.append(event, expected=state.version)
        except Conflict:
            continue
        log.info("executor.action.aborted", action=str(key), by=request.requested_by)
        return True


async def signal(
    events: EventLog, key: ActionKey, request_id: str, request: SignalCondition, now: Now
) -> bool | str:
    """Write that the condition was answered, unless it is over: the first answer wins.

    False when nobody has asked for it yet; why, when this is no answer to it. Raises the bus's errors.
    """
    while True:
        state, _ = await read_action(events, key)
        if state.phase is None:
            return False
        answer = answer_to(state, request)
        if answer is None or isinstance(answer, str):
            return answer or True
        if await _is_imported(events, key):
            return NOT_OURS
        event = replace(
            decision_event(key, answer, state, now()),
            id=f"{key}.signalled.{digest_of(request_id)}",  # two answers are two events
            cause=request_id,
        )
        try:
            await events.append(event, expected=state.version)
        except Conflict:
            continue
        log.info("executor.condition.signalled", action=str(key), by=request.requested_by)
        return True


async def _is_imported(events: EventLog, key: ActionKey) -> bool:
    root, _ = await read_action(events, key.run.action(ROOT_ACTION))
    return root.imported is not None
