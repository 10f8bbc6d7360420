"""Which action really failed: a parent that lets its child's failure pass fails with the child's words."""

from flyte._explaining.record import RunRecord
from flyte._limits import MAX_MESSAGE_CHARACTERS
from flyte._runtime.failure import cut, error_of
from flyte_schemas.action import ActionState
from flyte_schemas.phase import ActionPhase
from flyte_schemas.users import AGENT

_BAD_ENDS = frozenset({ActionPhase.FAILED, ActionPhase.TIMED_OUT, ActionPhase.ABORTED})


def path_to_cause(record: RunRecord, action: str) -> tuple[str, ...]:
    """From an action that failed down to the one whose failure it is; itself when that is its own."""
    path = [action]
    while (child := _blamed(record, path[-1])) is not None:
        path.append(child)
    return tuple(path)


def suspects(record: RunRecord, action: str) -> list[str]:
    """The children of a failed action that had ended badly before it, in the order of their ends."""
    state = record.state(action)
    bad = [
        (child.ended_at, name)
        for name, child in record.children(action)
        if child.phase in _BAD_ENDS and child.ended_at and state.ended_at and child.ended_at <= state.ended_at
    ]
    return [name for _, name in sorted(bad)]


def top_of_abort(record: RunRecord, action: str) -> str:
    """The topmost action through whose end this one was aborted; the action itself when it was meant."""
    while (parent := _ended_before(record, action)) is not None:
        action = parent
    return action


def _ended_before(record: RunRecord, action: str) -> str | None:
    """The parent, when its end is why the action was aborted: nobody asked for that."""
    state, parent = record.state(action), record.parent(action)
    if state.phase is not ActionPhase.ABORTED or state.aborted_by not in ("", AGENT) or parent is None:
        return None
    over = record.state(parent).ended_at
    return parent if over and state.ended_at and over <= state.ended_at else None


def _blamed(record: RunRecord, action: str) -> str | None:
    """The child whose end its parent failed with, the first one if there are several."""
    failure = record.state(action).failure
    if record.state(action).phase is not ActionPhase.FAILED or failure is None:
        return None
    words = (failure.code, failure.message)
    return next((name for name in suspects(record, action) if _seen_as(record.state(name)) == words), None)


def _seen_as(child: ActionState) -> tuple[str, str]:
    """Code and message of what the parent of this action catches."""
    error = error_of(child.failure, child.phase or ActionPhase.FAILED, child.abort_reason)
    return error.code, cut(error.message, MAX_MESSAGE_CHARACTERS)
