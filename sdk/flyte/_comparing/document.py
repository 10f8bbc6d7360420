"""A comparison as JSON data, for programs."""

from typing import Any

from flyte._comparing.comparison import ActionSide, Change, Comparison, RunFacts


def document_of(found: Comparison) -> dict[str, Any]:
    """Everything that the text has, by name, and nothing shortened."""
    return {
        "left": _run(found.left),
        "right": _run(found.right),
        "is_same": found.is_same,
        "alike": found.alike,
        "inputs": [_change(one) for one in found.inputs],
        "tasks": [
            {
                "task": one.task,
                "left": list(one.left),
                "right": list(one.right),
                "changes": [_change(change) for change in one.changes],
            }
            for one in found.tasks
        ],
        "actions": [
            {
                "task": one.task,
                "path": list(one.path),
                "left": _side(one.left),
                "right": _side(one.right),
                "changes": [_change(change) for change in one.changes],
            }
            for one in found.actions
        ],
    }


def _run(facts: RunFacts) -> dict[str, Any]:
    return {
        "run": facts.run.run,
        "project": facts.run.project,
        "domain": facts.run.domain,
        "task": facts.task,
        "version": facts.version,
        "phase": facts.phase.value,
        "seconds": facts.seconds,
        "actions": facts.actions,
        "counts": {phase.value: count for phase, count in facts.counts},
    }


def _side(side: ActionSide | None) -> dict[str, Any] | None:
    return {"action": side.name, "phase": side.phase.value, "seconds": side.seconds} if side else None


def _change(change: Change) -> dict[str, Any]:
    return {"what": change.what, "left": change.left, "right": change.right}
