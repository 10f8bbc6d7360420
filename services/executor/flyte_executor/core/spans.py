"""The spans of an action, from its events: itself, its attempts, and what each of them spent its time on.

A pure function of the log, called with the event that ended the action. Nothing has to be held while the
action lives, so a restart loses none; and since the ids follow from names, telling it again says the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from flyte_schemas.action import ActionState, evolve
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import (
    ActionQueued,
    AttemptFailed,
    AttemptPlaced,
    AttemptStarted,
)
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import ActionKey, AttemptKey
from flyte_schemas.tracing import TraceContext, parse_traceparent, span_id_of

Attributes = dict[str, str | int | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span of `parent`'s trace; with a `code` it failed with that, and `message` says why."""

    name: str
    span_id: str
    parent: TraceContext
    start: datetime
    end: datetime
    attributes: Attributes
    code: str = ""
    message: str = ""


@dataclass(slots=True)
class _Attempt:
    """An attempt, as far as it got."""

    number: int
    queued: datetime
    placed: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    worker: str = ""
    code: str = ""
    message: str = ""


@dataclass(slots=True)
class _Life:
    """What an action's events say, up to one of them."""

    state: ActionState = field(default_factory=ActionState)
    ended_by: int = 0
    attempts: list[_Attempt] = field(default_factory=list)

    def take(self, event: AnyEvent, sequence: int) -> None:
        before = self.state
        self.state = after = evolve(before, event, sequence)
        if after._replace(version=before.version) == before:
            return  # it changed nothing
        self._note(event)
        if after.is_terminal and not before.is_terminal:
            self.ended_by = sequence
            if self.attempts and self.attempts[-1].ended is None:
                self._end_attempt(event.time, after)

    def _note(self, event: AnyEvent) -> None:
        match event.data:
            case ActionQueued(attempt=number):
                self.attempts.append(_Attempt(number, event.time))
            case AttemptPlaced(worker=worker):
                self.attempts[-1].placed, self.attempts[-1].worker = event.time, worker
            case AttemptStarted(worker=worker):
                self.attempts[-1].started, self.attempts[-1].worker = event.time, worker
            case AttemptFailed():
                self._end_attempt(event.time, self.state)
            case _:
                pass

    def _end_attempt(self, at: datetime, state: ActionState) -> None:
        last = self.attempts[-1]
        last.ended = at
        last.code, last.message = _trouble(state)


def spans_of(key: ActionKey, events: Iterable[tuple[AnyEvent, int]], ended_by: int) -> Iterator[Span]:
    """All spans of an action, if it is sampled and the event at `ended_by` is the one that ended it."""
    life, asked = _Life(), None
    for event, sequence in events:
        if sequence <= ended_by:
            asked = asked or parse_traceparent(event.traceparent)
            life.take(event, sequence)
    state = life.state
    is_end = life.ended_by == ended_by and state.requested_at is not None and state.ended_at is not None
    if asked is None or not asked.is_sampled or not is_end:
        return
    assert state.requested_at is not None and state.ended_at is not None
    code, message = _trouble(state)
    own = asked.below(span_id_of(key))
    yield Span(
        name=state.task_name or f"condition {key.action}",
        span_id=own.span_id,
        parent=asked,
        start=state.requested_at,
        end=state.ended_at,
        attributes=_about(key, state),
        code=code,
        message=message,
    )
    for attempt in life.attempts:
        yield from _of_attempt(key, own, attempt)


def run_spans(key: ActionKey, asked: TraceContext, request: AnyEvent | None, root: Span) -> Iterator[Span]:
    """What stands above and beside the root action: its request's admission, and the run where nobody has
    begun a trace for it. `request` is what asked for it, if the log still has it.
    """
    about: Attributes = {"flyte.run": str(key.run)}
    start = root.start if request is None else min(request.time, root.start)
    if asked.span_id == span_id_of(key.run):
        yield Span(
            name=f"run {key.run.run}",
            span_id=asked.span_id,
            parent=asked.below(""),
            start=start,
            end=root.end,
            attributes=about,
            code=root.code,
            message=root.message,
        )
    if request is not None:
        yield Span(
            name="admission",
            span_id=span_id_of(key.run, "admission"),
            parent=asked,
            start=start,
            end=root.start,
            attributes=about,
        )


def _of_attempt(key: ActionKey, action: TraceContext, attempt: _Attempt) -> Iterator[Span]:
    assert attempt.ended is not None  # its action has ended
    name = AttemptKey(key, attempt.number)
    own = action.below(span_id_of(name))
    about: Attributes = {
        "flyte.run": str(key.run),
        "flyte.action": key.action,
        "flyte.attempt": attempt.number,
    }
    if attempt.worker:
        about["flyte.worker"] = attempt.worker
    yield Span(
        name=f"attempt {attempt.number}",
        span_id=own.span_id,
        parent=action,
        start=attempt.queued,
        end=attempt.ended,
        attributes=about,
        code=attempt.code,
        message=attempt.message,
    )
    claimed = attempt.placed or attempt.started
    stages = (
        ("queued", attempt.queued, claimed or attempt.ended),
        ("initializing", attempt.placed, attempt.started or attempt.ended),
        ("running", attempt.started, attempt.ended),
    )
    for stage, start, end in stages:
        if start is not None:
            yield Span(
                name=stage,
                span_id=span_id_of(name, stage),
                parent=own,
                start=start,
                end=max(start, end),  # machines' clocks differ
                attributes=about,
            )


def _about(key: ActionKey, state: ActionState) -> Attributes:
    about: Attributes = {"flyte.run": str(key.run), "flyte.action": key.action}
    assert state.phase is not None
    about["flyte.phase"] = state.phase.value
    if state.requested is not None:
        about |= {"flyte.task": state.requested.task.name, "flyte.version": state.requested.task.version}
        about["flyte.attempts"] = state.attempt
    if state.group:
        about["flyte.group"] = state.group
    if source := state.cached_from or state.recovered_from:
        about["flyte.source"] = source
    return about


def _trouble(state: ActionState) -> tuple[str, str]:
    """The code that something failed with, and its words."""
    if state.phase is ActionPhase.ABORTED:
        return "Aborted", state.abort_reason
    return ("", "") if state.failure is None else (state.failure.code, state.failure.message)
