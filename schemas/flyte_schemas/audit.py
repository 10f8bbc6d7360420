"""What must hold of the log of runs, whatever happened to those who wrote it: checked event by event.

The log is the only truth, so its own shape tells whether the system kept its promises: who decided had seen
everything, no attempt had two workers, nothing that succeeded ran again, no ended parent left a child alive.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from flyte_schemas.action import ActionState, evolve
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.events import (
    ActionAborted,
    ActionCacheHit,
    ActionFailed,
    ActionQueued,
    ActionRecovered,
    ActionRequested,
    ActionRetried,
    ActionTimedOut,
    AttemptFailed,
    AttemptPlaced,
    AttemptStarted,
    ConditionRequested,
    ConditionSignalled,
    TraceEnded,
    TraceSucceeded,
)
from flyte_schemas.imported import RunImported
from flyte_schemas.limits import LIMIT_CODES
from flyte_schemas.literals import Literals
from flyte_schemas.subjects import ActionKey, RunKey, parse_action

DECISIONS = (
    ActionQueued,
    ActionRetried,
    ActionFailed,
    ActionTimedOut,
    ActionAborted,
    ActionCacheHit,
    ActionRecovered,
    ConditionSignalled,
)
"""Words that are written expecting what their writer has seen, so each of them takes effect."""

ENDS_FROM_OUTSIDE = frozenset(code for code, *_ in LIMIT_CODES)
"""Failures that are no attempt's: an action is ended with them while it runs."""

INVARIANTS: dict[str, str] = {
    "identity": "an event's id never stands for two different contents",
    "request": "an action is asked for once, and nothing happens to it before",
    "decision": "a decision takes effect: whoever made it had seen the last word",
    "claim": "an attempt is claimed by one worker at most, and only while it is open",
    "attempt": "an attempt is given up only after a word that it has failed",
    "trace": "a traced step is recorded once, by an attempt of an action of the same run",
    "no repetition": "what has succeeded is not started again",
    "parent": "an action is asked for by an action of the same run that exists",
    "family": "when a run is settled no action lives on below one that has ended",
    "cache": "a result that is taken from elsewhere is the one that was computed there",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken invariant, and where in the log it shows."""

    invariant: str
    subject: str
    sequence: int
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what} ({self.subject}, sequence {self.sequence})"


class Audit:
    """Takes the entries of RUNS in order; `violations` are what was found so far."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.events = 0
        self.malformed = 0
        self._states: dict[ActionKey, ActionState] = {}
        self._ids: dict[str, int] = {}
        self._failed: dict[ActionKey, int] = {}

    @property
    def actions(self) -> int:
        """How many actions were seen."""
        return len(self._states)

    @property
    def runs(self) -> int:
        return len({key.run for key in self._states})

    def take(self, subject: str, sequence: int, content: AnyEvent | Malformed) -> None:
        """Check one entry against all that came before."""
        key = parse_action(subject)
        if key is None or isinstance(content, Malformed):
            self.malformed += 1
            return
        self.events += 1
        before = self._states.get(key, ActionState())
        after = evolve(before, content, sequence)
        for invariant, what in (
            *self._about_identity(content),
            *self._about_order(key, before, after, content),
            *self._about_failures(key, before, content),
            *self._about_origin(key, content),
            *self._about_source(content),
        ):
            self._report(invariant, subject, sequence, what)
        self._states[key] = after

    def finish(self, subject_of_run: RunKey | None = None) -> None:
        """Check what must hold when nothing more will be said: of one run, or of all that are settled."""
        for key, state in self._states.items():
            if subject_of_run in (None, key.run) and state.is_live and self._is_orphan(key, state):
                self._report("family", str(key), state.version, "it lives on, and its parent has ended")

    def unsettled(self) -> list[ActionKey]:
        """The actions that have not ended."""
        return [key for key, state in self._states.items() if state.is_live]

    def _about_identity(self, event: AnyEvent) -> Iterable[tuple[str, str]]:
        content = hash((event.type, event.subject, event.data.model_dump_json()))
        known = self._ids.setdefault(event.id, content)
        if known != content:
            yield "identity", f"the id {event.id} stood for something else before"

    def _about_order(
        self, key: ActionKey, before: ActionState, after: ActionState, event: AnyEvent
    ) -> Iterable[tuple[str, str]]:
        changed = _meaning(before) != _meaning(after)
        match event.data:
            case ActionRequested() | ConditionRequested() if _is_other_request(before, event):
                yield "request", f"{key} was asked for before"
            case TraceEnded() if before.phase is not None and event.data != before.traced:
                yield "trace", f"{key} was recorded before"
            case ActionRequested() | ConditionRequested() | TraceEnded() | RunImported():
                pass
            case _ if before.phase is None:
                yield "request", f"{type(event.data).__name__} of an action that nobody asked for"
            case AttemptPlaced(worker=worker) if before.worker != worker and not changed:
                yield "claim", f"{worker} claimed an attempt that was {_describe(before)}"
            case AttemptStarted() if (
                before.phase is not None and before.phase.is_success and event.data.attempt > before.attempt
            ):
                yield "no repetition", f"{key} had succeeded"
            case data if isinstance(data, DECISIONS) and not changed:
                yield "decision", f"{type(data).__name__} changed nothing: the action was {_describe(before)}"
            case _:
                pass

    def _about_failures(
        self, key: ActionKey, before: ActionState, event: AnyEvent
    ) -> Iterable[tuple[str, str]]:
        """Counted without `evolve`, so that a fold which believes the words of another attempt shows."""
        failed = self._failed.get(key, 0)
        match event.data:
            case AttemptFailed(attempt=attempt):
                self._failed[key] = max(failed, attempt)
            case ActionRetried(attempt=attempt) if attempt > failed:
                yield "attempt", f"attempt {attempt} had not failed when another was decided upon"
            case ActionFailed(failure=failure) if failure.code in ENDS_FROM_OUTSIDE:
                pass  # the run is over a limit of its project, whatever its attempts do
            case ActionFailed() if not before.is_terminal and before.attempt > failed:
                yield "attempt", f"attempt {before.attempt} had not failed when the action did"
            case _:
                pass

    def _about_origin(self, key: ActionKey, event: AnyEvent) -> Iterable[tuple[str, str]]:
        match event.data:
            case ActionRequested(parent=str(parent)) | ConditionRequested(parent=parent):
                state = self._states.get(key.run.action(parent))
                if state is None or state.attempt == 0:
                    yield "parent", f"its parent {parent} has never run"
            case TraceEnded(parent=parent, parent_attempt=attempt):
                state = self._states.get(key.run.action(parent))
                if state is None or state.attempt < attempt:
                    yield "trace", f"attempt {attempt} of {parent}, which recorded it, was not opened"
            case _:
                pass

    def _about_source(self, event: AnyEvent) -> Iterable[tuple[str, str]]:
        match event.data:
            case (
                ActionCacheHit(source=source, outputs=outputs)
                | ActionRecovered(source=source, outputs=outputs)
                | TraceSucceeded(recovered_from=source, outputs=outputs)
            ):
                computed = self._outputs_of(source)
                if computed is not None and dict(computed) != dict(outputs):
                    yield "cache", f"{source} has computed something else"
            case _:
                pass

    def _outputs_of(self, source: str) -> Literals | None:
        match source.split("/"):
            case [project, domain, run, action]:
                state = self._states.get(ActionKey(RunKey(project, domain, run), action))
                return None if state is None else state.outputs
            case _:
                return None

    def _is_orphan(self, key: ActionKey, state: ActionState) -> bool:
        parent = state.parent
        return parent is not None and self._states.get(key.run.action(parent), ActionState()).is_terminal

    def _report(self, invariant: str, subject: str, sequence: int, what: str) -> None:
        self.violations.append(Violation(invariant=invariant, subject=subject, sequence=sequence, what=what))


def _meaning(state: ActionState) -> tuple[object, ...]:
    """What a word may change: all but how far in the log the state is."""
    return (state.phase, state.attempt, state.attempt_over, state.worker, state.failure, state.retry_at)


def _is_other_request(before: ActionState, event: AnyEvent) -> bool:
    return before.phase is not None and event.id != before.request_id


def _describe(state: ActionState) -> str:
    phase = state.phase.value if state.phase else "unknown"
    return f"{phase} in attempt {state.attempt}" + (f" of {state.worker}" if state.worker else "")
