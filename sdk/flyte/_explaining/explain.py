"""The explanation of an action, from what the log says of its run: a function, and no I/O."""

from dataclasses import replace
from datetime import datetime

from flyte._explaining import wording
from flyte._explaining.causes import path_to_cause, suspects, top_of_abort
from flyte._explaining.explanation import Explanation, Step, Surroundings, Wait, WaitsFor
from flyte._explaining.record import RunRecord
from flyte._explaining.waits import busy, clocks_of, limit_of, policies_of, waits_of
from flyte_schemas.failure import Failure
from flyte_schemas.failure_codes import find_code
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import ROOT_ACTION

_P = ActionPhase


def explain(record: RunRecord, run: str, action: str, around: Surroundings) -> Explanation:
    """Why the action ended as it did, or what it waits for. Raises LookupError when it is unknown."""
    state = record.state(action)
    if state.phase is None:
        raise LookupError(f"nothing is known of action {action!r} of run {run!r}")
    plain = Explanation(
        run=run, action=action, task=record.task(action), phase=state.phase, summary="", notes=()
    )
    if not state.is_terminal:
        return _alive(plain, record, around)
    match state.phase:
        case ActionPhase.FAILED:
            return _failed(plain, record, around)
        case ActionPhase.TIMED_OUT:
            return _timed_out(plain, record, around)
        case ActionPhase.ABORTED:
            return _aborted(plain, record, around)
        case _:
            summary = wording.succeeded(_subject(plain), state)
            return replace(plain, summary=summary, attempts=record.attempts(action))


def not_admitted(run: str, task: str, asked_at: datetime, refusal: str, around: Surroundings) -> Explanation:
    """Of a run of which only the request is in the log; `refusal`: why there will never be more."""
    plain = Explanation(run=run, action=ROOT_ACTION, task=task, phase=_P.QUEUED, summary="")
    if refusal:
        return replace(plain, summary=wording.refused(_subject(plain), refusal))
    text = wording.waits_for_executor(asked_at, around.now, around.has_executor)
    wait = Wait(action=ROOT_ACTION, task=task, waits_for=WaitsFor.EXECUTOR, text=text, since=asked_at)
    return replace(plain, summary=wording.only_asked_for(_subject(plain)), waits=(wait,))


def _subject(plain: Explanation) -> str:
    """How a person calls what is explained: a run, or an action of it."""
    if plain.action == ROOT_ACTION:
        return f"run {plain.run} ({plain.task})"
    return f"{wording.named(plain.action, plain.task)} of run {plain.run}"


def _failed(plain: Explanation, record: RunRecord, around: Surroundings) -> Explanation:
    path = path_to_cause(record, plain.action)
    cause = path[-1]
    state = record.state(cause)
    found = _with_cause(plain, record, path, around)
    if len(path) > 1:
        how, name = wording.how_ended(state), wording.named(cause, record.task(cause))
        return replace(found, summary=wording.failed_below(_subject(plain), name, len(path) - 1, how))
    assert state.failure is not None  # who has failed says why
    others = [
        wording.suspect(wording.named(name, record.task(name)), record.state(name))
        for name in suspects(record, cause)
    ]
    notes = (*found.notes, *([wording.suspects(others)] if others else []))
    return replace(found, summary=wording.failed(_subject(plain), state.failure), notes=notes)


def _timed_out(plain: Explanation, record: RunRecord, around: Surroundings) -> Explanation:
    found = _with_cause(plain, record, (plain.action,), around)
    return replace(found, summary=wording.timed_out(_subject(plain), found.failure))


def _aborted(plain: Explanation, record: RunRecord, around: Surroundings) -> Explanation:
    state, top = record.state(plain.action), top_of_abort(record, plain.action)
    if top == plain.action:
        below = sum(child.phase is _P.ABORTED for _, child in record.below(plain.action))
        notes = (wording.cascade(below),) if below else ()
        summary = wording.aborted(_subject(plain), state)
        return replace(plain, summary=summary, notes=notes, attempts=record.attempts(plain.action))
    parent = record.parent(plain.action) or top
    name = wording.named(parent, record.task(parent))
    above = explain(record, plain.run, top, around)
    return replace(
        above,
        action=plain.action,
        task=plain.task,
        phase=_P.ABORTED,
        summary=wording.aborted_with_parent(_subject(plain), name, record.state(parent)),
        notes=(above.summary, *above.notes),
        path=(_step(record, plain.action), *(above.path or (_step(record, top),))),
    )


def _with_cause(
    plain: Explanation, record: RunRecord, path: tuple[str, ...], around: Surroundings
) -> Explanation:
    """With the way to the cause, its attempts, its failure, and what to do about it."""
    cause = path[-1]
    state = record.state(cause)
    failure = state.failure
    more = wording.no_more_attempts(state, failure, policies_of(record, cause, around)) if failure else ""
    return replace(
        plain,
        path=tuple(_step(record, name) for name in path),
        attempts=record.attempts(cause),
        failure=failure,
        notes=(more,) if more else (),
        todo=_todo(failure),
    )


def _todo(failure: Failure | None) -> str:
    if failure is None:
        return ""
    known = find_code(failure.code)
    return failure.hint or (known.remedy if known else wording.own_error(failure.code))


def _step(record: RunRecord, action: str) -> Step:
    phase = record.state(action).phase or _P.QUEUED
    return Step(action=action, task=record.task(action), phase=phase)


def _alive(plain: Explanation, record: RunRecord, around: Surroundings) -> Explanation:
    state = record.state(plain.action)
    waits = tuple(waits_of(record, plain.run, plain.action, around))
    for_slots = any(wait.waits_for is WaitsFor.SLOT for wait in waits)
    return replace(
        plain,
        notes=(wording.slots(busy(record), limit_of(record), around.waiting_elsewhere),) if for_slots else (),
        summary=wording.not_over(_subject(plain), plain.phase.value, state.requested_at, around.now),
        attempts=record.attempts(plain.action),
        waits=waits,
        clocks=tuple(clocks_of(record, plain.action, around)),
    )
