"""What an action of a run that recovers another takes over from there, instead of running."""

from collections.abc import Collection

from flyte_schemas.action import ActionState
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.phase import ActionPhase
from flyte_schemas.recovery import Recovery
from flyte_schemas.task import Interface

MISSING = "SourceOutputsMissing"
"""The code of an action whose result in the source run is not in the artifact store any more."""


def is_asked_for(state: ActionState) -> bool:
    """Whether a result of the source run could still stand for this action's own."""
    is_new = state.phase is ActionPhase.QUEUED and state.attempt == 0
    return state.parent is not None and (is_new or state.phase is ActionPhase.PAUSED)


def runs_again(name: str, above: Collection[str], recovery: Recovery) -> bool:
    """Whether the user wants this action run: itself, something above it, or something below."""
    return name in recovery.on_the_way or recovery.forces(name, above)


def is_the_same(state: ActionState, source: ActionState) -> bool:
    """Whether the source's action has a result, and was asked for the same. Names tell all but a condition's.

    Its name says nothing of the question; another question needs another answer.
    """
    if source.phase is None or not source.phase.is_success:
        return False
    if state.condition is None or source.condition is None:
        return state.condition is source.condition
    asked, before = state.condition, source.condition
    return (asked.prompt, asked.data_type) == (before.prompt, before.data_type)


def gives_the_same(interface: Interface, source: Interface) -> bool:
    """Whether the outputs of one version of a task can be read by callers of another."""
    return [(one.name, one.json_schema) for one in interface.outputs] == [
        (one.name, one.json_schema) for one in source.outputs
    ]


def outputs_missing(source: str, uri: str) -> Failure:
    return Failure(
        code=MISSING,
        kind=FailureKind.USER,
        message=f"the result of {source} cannot be taken over: {uri} is not in the artifact store any more",
        hint="recover with allow_missing_source_outputs (--allow-missing-outputs): then it runs again",
        recoverable=False,
    )
