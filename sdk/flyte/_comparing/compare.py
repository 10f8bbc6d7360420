"""Holds two runs against each other.

Actions are matched from the root down: first those of the same name, which follows from caller, task, inputs
and number of the call; then, of what is left, the first, second, … call of the same task in the same group by
the same caller. So a call is found again though its inputs have changed, and all below it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flyte._comparing.comparison import (
    ActionDiff,
    ActionSide,
    Change,
    Comparison,
    RunFacts,
    Side,
    TaskDiff,
)
from flyte_schemas.action import ActionState
from flyte_schemas.literals import InlineLiteral, Literals
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import ROOT_ACTION
from flyte_schemas.task import TaskReference, TaskTemplate

NOTABLE_S = 1.0
NOTABLE_FACTOR = 1.5
"""A duration differs when it is so much longer, in seconds and as a factor: no two are ever equal."""

_IGNORED = ("name", "environment", "short_name")


@dataclass(frozen=True, slots=True)
class _Pair:
    """A call on both sides, or on one; with the calls above it, as each side calls them."""

    left: str | None
    right: str | None
    path: tuple[str, ...]
    right_path: tuple[str, ...]


def compare(left: Side, right: Side) -> Comparison:
    """What differs between two runs."""
    differing, alike = [], 0
    for pair in _pairs(left, right):
        found = _action_diff(left, right, pair)
        if found is None:
            alike += 1
        else:
            differing.append(found)
    root_left, root_right = left.record.state(ROOT_ACTION), right.record.state(ROOT_ACTION)
    return Comparison(
        left=_facts(left),
        right=_facts(right),
        inputs=tuple(_literal_changes("", root_left.inputs, root_right.inputs)),
        tasks=tuple(_task_diffs(left, right)),
        actions=tuple(differing),
        alike=alike,
    )


def _pairs(left: Side, right: Side) -> Iterator[_Pair]:
    """All calls, each after its caller; what only one run has called is not gone into."""
    pending = [_Pair(ROOT_ACTION, ROOT_ACTION, (), ())]
    while pending:
        pair = pending.pop()
        yield pair
        if pair.left is not None and pair.right is not None:
            path = (*pair.path, _called(pair.left, left.record.state(pair.left)))
            right_path = (*pair.right_path, _called(pair.right, right.record.state(pair.right)))
            below = _matched(_calls(left, pair.left), _calls(right, pair.right))
            pending.extend(reversed([_Pair(*names, path, right_path) for names in below]))


_Calls = dict[str, ActionState]


def _calls(side: Side, action: str) -> _Calls:
    return dict(side.record.children(action))


def _matched(left: _Calls, right: _Calls) -> list[tuple[str | None, str | None]]:
    """The calls of one caller in both runs, in the order of the first run, then what only the second has."""
    names: dict[str, str] = {name: name for name in left if name in right}
    rest = defaultdict[tuple[str, str | None], list[str]](list)
    for name, state in right.items():
        if name not in names:
            rest[_kind(name, state)].append(name)
    for name, state in left.items():
        if name not in names and (same := rest[_kind(name, state)]):
            names[name] = same.pop(0)
    only_right = [name for found in rest.values() for name in found]
    return [*((name, names.get(name)) for name in left), *((None, name) for name in only_right)]


def _kind(name: str, state: ActionState) -> tuple[str, str | None]:
    return _called(name, state), state.group


def _called(name: str, state: ActionState) -> str:
    return f"condition {name}" if state.condition is not None else (state.task_name or name)


def _action_diff(left: Side, right: Side, pair: _Pair) -> ActionDiff | None:
    """None when nothing differs."""
    states = (
        left.record.state(pair.left) if pair.left else None,
        right.record.state(pair.right) if pair.right else None,
    )
    known, name = (states[0], pair.left) if states[0] is not None else (states[1], pair.right)
    assert known is not None and name is not None  # a pair has one side at least
    changes: tuple[Change, ...] = ()
    if states[0] is not None and states[1] is not None:
        changes = tuple(_changes(left, right, pair, states[0], states[1]))
        if not changes:
            return None
    return ActionDiff(
        task=_called(name, known),
        path=pair.path if pair.left is not None else pair.right_path,
        left=_side(pair.left, states[0]),
        right=_side(pair.right, states[1]),
        changes=changes,
    )


def _changes(
    left: Side, right: Side, pair: _Pair, before: ActionState, after: ActionState
) -> Iterator[Change]:
    """What differs in one call; the root's inputs are the run's."""
    if pair.path:
        yield from _literal_changes("inputs.", before.inputs, after.inputs)
    yield from _change("phase", before.phase, after.phase)
    yield from _change("failure", _failure(before), _failure(after))
    yield from _change("abort_reason", before.abort_reason or None, after.abort_reason or None)
    if _has_run(before) and _has_run(after):
        yield from _change("attempts", before.attempt, after.attempt)
        codes = (_codes(left, pair.left), _codes(right, pair.right))
        yield from _change("failed_attempts", *codes)
    yield from _change("from_cache", bool(before.cached_from), bool(after.cached_from))
    yield from _change("recovered", bool(before.recovered_from), bool(after.recovered_from))
    yield from _literal_changes("outputs.", before.outputs or {}, after.outputs or {})
    times = (_seconds(before), _seconds(after))
    if _has_run(before) and _has_run(after) and _is_notable(*times):
        yield Change(what="seconds", left=times[0], right=times[1])


def _has_run(state: ActionState) -> bool:
    """Whether it did what it was asked for itself: else attempts and times say nothing."""
    return not (state.cached_from or state.recovered_from)


def _change(what: str, left: Any, right: Any) -> Iterator[Change]:
    if left != right:
        yield Change(what=what, left=left, right=right)


def _literal_changes(prefix: str, left: Literals, right: Literals) -> Iterator[Change]:
    for name in dict.fromkeys((*left, *right)):
        yield from _change(f"{prefix}{name}", _value(left, name), _value(right, name))


def _value(literals: Literals, name: str) -> Any:
    """A value as it travels, or the mark of one that is large."""
    literal = literals.get(name)
    if literal is None:
        return None
    if isinstance(literal, InlineLiteral):
        return literal.value
    return {"sha256": literal.sha256, "size_bytes": literal.size_bytes}


def _failure(state: ActionState) -> dict[str, str] | None:
    """Why an action did not succeed; an attempt that was followed by a good one is no failure of it."""
    failure = state.failure if state.is_terminal and state.phase and not state.phase.is_success else None
    return {"code": failure.code, "message": failure.message} if failure else None


def _codes(side: Side, action: str | None) -> list[str]:
    attempts = side.record.attempts(action) if action else ()
    return [attempt.failure.code for attempt in attempts if attempt.failure is not None]


def _side(name: str | None, state: ActionState | None) -> ActionSide | None:
    if name is None or state is None:
        return None
    return ActionSide(name=name, phase=state.phase or ActionPhase.QUEUED, seconds=_seconds(state))


def _seconds(state: ActionState) -> float | None:
    """How long it ran, or waited when it never did; None while it goes on."""
    return _between(state.started_at or state.requested_at, state.ended_at)


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return max(0.0, (end - start).total_seconds()) if start and end else None


def _is_notable(left: float | None, right: float | None) -> bool:
    if left is None or right is None:
        return False
    short, long = sorted((left, right))
    return long - short >= NOTABLE_S and long >= NOTABLE_FACTOR * short


def _facts(side: Side) -> RunFacts:
    root = side.record.state(ROOT_ACTION)
    task = root.requested.task if root.requested else None
    counts = Counter(state.phase for state in side.record.fold.actions.values() if state.phase is not None)
    return RunFacts(
        run=side.run,
        task=task.name if task else "",
        version=task.version if task else "",
        phase=root.phase or ActionPhase.QUEUED,
        seconds=_between(root.requested_at, root.ended_at),
        counts=tuple((phase, counts[phase]) for phase in ActionPhase if counts[phase]),
    )


# -- task versions ------------------------------------------------------------------------------------------


def _task_diffs(left: Side, right: Side) -> Iterator[TaskDiff]:
    used_left, used_right = _versions(left), _versions(right)
    for task in [task for task in used_left if task in used_right]:
        before, after = used_left[task], used_right[task]
        changes = tuple(_template_changes(_template(left, task, before), _template(right, task, after)))
        if before != after or changes:
            yield TaskDiff(task=task, left=before, right=after, changes=changes)


def _versions(side: Side) -> dict[str, tuple[str, ...]]:
    """The versions of each task that a run has called, tasks as they were first called."""
    found: dict[str, set[str]] = {}
    for state in side.record.fold.actions.values():
        if state.requested is not None:
            found.setdefault(state.requested.task.name, set()).add(state.requested.task.version)
    return {task: tuple(sorted(versions)) for task, versions in found.items()}


def _template(side: Side, task: str, versions: tuple[str, ...]) -> TaskTemplate | None:
    """Of a task that was called in one version; of several, none stands for the run."""
    if len(versions) != 1:
        return None
    return side.templates.get(TaskReference(name=task, version=versions[0]))


def _template_changes(left: TaskTemplate | None, right: TaskTemplate | None) -> Iterator[Change]:
    if left is None or right is None or left == right:
        return
    before, after = _flat(left), _flat(right)
    for place in dict.fromkeys((*before, *after)):
        yield from _change(place, before.get(place), after.get(place))


def _flat(template: TaskTemplate) -> dict[str, Any]:
    """A template as `resources.cpu: 2`: what stands in objects by its path, lists as a whole."""
    flat: dict[str, Any] = {}

    def lay(prefix: str, value: Any) -> None:
        if isinstance(value, Mapping) and value:
            for name, item in value.items():
                lay(f"{prefix}.{name}" if prefix else name, item)
        elif value not in (None, {}, [], ""):
            flat[prefix] = value

    document = template.model_dump(mode="json", exclude=set(_IGNORED))
    bundle = document.pop("bundle")
    lay("", document)
    if bundle is not None:
        flat["code_bundle"] = bundle["sha256"]
    return flat
