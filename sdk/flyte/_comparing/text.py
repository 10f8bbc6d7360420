"""A comparison as text for a person: both runs in a line each, and then only what differs."""

import json
from collections.abc import Iterator
from typing import Any

from flyte._comparing.comparison import ActionDiff, ActionSide, Change, Comparison, RunFacts, TaskDiff
from flyte._explaining.wording import counted, lasting
from flyte._runtime.payloads import TAG

LONGEST = 60
"""How much of a value is shown."""
MAX_ACTIONS = 30
"""How many actions that differ are shown one by one."""
SHORT_VERSION = 12


def text_of(found: Comparison) -> str:
    """All of it, without a line break at the end."""
    parts = [list(_summary(found)), *map(list, _sections(found))]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _summary(found: Comparison) -> Iterator[str]:
    yield _run(found.left)
    yield _run(found.right)
    if found.is_same:
        alike = "one call is" if found.alike == 1 else f"{found.alike} calls are"
        yield f"Nothing differs but times: {alike} alike."
        return
    both = sum(one.left is not None and one.right is not None for one in found.actions)
    words = [f"{found.alike} of their calls {'is' if found.alike == 1 else 'are'} alike, {both} differ"]
    for run, count in (
        (found.left.run.run, sum(one.right is None for one in found.actions)),
        (found.right.run.run, sum(one.left is None for one in found.actions)),
    ):
        if count:
            words.append(f"{count} only in {run}")
    yield ", ".join(words) + "."


def _run(facts: RunFacts) -> str:
    phases = ", ".join(f"{count} {phase.value.replace('_', ' ')}" for phase, count in facts.counts)
    took = "goes on" if facts.seconds is None else f"in {lasting(facts.seconds)}"
    task = f"{facts.task}:{facts.version[:SHORT_VERSION]}"
    return f"{facts.run.run}  {task}  {facts.phase.name} {took}  {counted(facts.actions, 'action')}: {phases}"


def _sections(found: Comparison) -> Iterator[list[str]]:
    if found.inputs:
        yield ["Inputs:", *(f"  {_change(one)}" for one in found.inputs)]
    if found.tasks:
        yield ["Task versions:", *_tasks(found.tasks)]
    if found.actions:
        shown = found.actions[:MAX_ACTIONS]
        left_out = len(found.actions) - len(shown)
        more = [f"  and {left_out} more: -o json has them all"] if left_out else []
        yield ["Actions:", *(line for one in shown for line in _action(one, found)), *more]


def _tasks(diffs: tuple[TaskDiff, ...]) -> Iterator[str]:
    """Each task with what differs in its template; what differs alike in all of them is said once."""
    common = [change for change in diffs[0].changes if all(change in one.changes for one in diffs)]
    common = common if len(diffs) > 1 else []
    for diff in diffs:
        yield f"  {diff.task}: {_versions(diff.left)} -> {_versions(diff.right)}"
        for change in diff.changes:
            if change not in common:
                yield f"    {_change(change)}"
    if common:
        yield "  all of them:"
        yield from (f"    {_change(change)}" for change in common)


def _versions(versions: tuple[str, ...]) -> str:
    return ", ".join(one[:SHORT_VERSION] for one in versions)


def _action(diff: ActionDiff, found: Comparison) -> Iterator[str]:
    where = " > ".join((*map(_brief, diff.path), _brief(diff.task)))
    match diff.left, diff.right:
        case left, None if left is not None:
            yield f"  {where} ({left.name}): only in {found.left.run.run}, {_end(left)}"
        case None, right if right is not None:
            yield f"  {where} ({right.name}): only in {found.right.run.run}, {_end(right)}"
        case left, right if left is not None and right is not None:
            names = left.name if left.name == right.name else f"{left.name} -> {right.name}"
            yield f"  {where} ({names})"
            for change in diff.changes:
                yield f"    {_change(change)}"
        case _:
            pass


def _end(side: ActionSide) -> str:
    phase = side.phase.value.replace("_", " ")
    return f"{phase} after {lasting(side.seconds)}" if side.seconds is not None else phase


def _change(change: Change) -> str:
    sides = (change.left, change.right)
    match change.what:
        case "seconds":
            shown = [lasting(side) for side in sides]
        case "failure":
            shown = [f"{side['code']}: {side['message']}" if side else "none" for side in sides]
        case "code_bundle":
            shown = [side[:SHORT_VERSION] if side else "none" for side in sides]
        case "failed_attempts":
            shown = [", ".join(side) or "none" for side in sides]
        case _:
            shown = [_value(side) for side in sides]
    return f"{change.what.replace('_', ' ')}: {_short(shown[0])} -> {_short(shown[1])}"


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict) and value.keys() == {TAG}:
        value = {name: value[TAG][name] for name in ("sha256", "size_bytes")}
    if isinstance(value, dict) and value.keys() == {"sha256", "size_bytes"}:
        return f"{value['size_bytes']} bytes ({value['sha256'][:12]}…)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    line = text.replace("\n", " ")
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _brief(task: str) -> str:
    return task.rpartition(".")[2]
