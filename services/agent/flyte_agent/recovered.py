"""The action of an earlier run whose recorded steps an attempt takes over, when its run recovers that one.

It has to be the same call by the same code: then a step of the same name is what a step of an earlier attempt
is. Code of another version may give a value of another kind under that name, so its steps run again.
"""

from dataclasses import dataclass

from flyte._runtime.identity import inputs_digest
from flyte_bus.history import read_action
from flyte_bus.ports import EventLog
from flyte_schemas.action import ActionState
from flyte_schemas.recovery import Recovery
from flyte_schemas.subjects import ROOT_ACTION, ActionKey, RunKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Between `first` and `last`, the sequences of the action's own first and last event, lie its steps."""

    action: ActionKey
    first: int
    last: int


async def source_of(
    log: EventLog, key: ActionKey, state: ActionState, recovery: Recovery | None
) -> Source | None:
    """Where the steps of this action were recorded before, if they count. Raises the bus's errors."""
    if recovery is None or recovery.forces(key.action, await _above(log, key, state, recovery)):
        return None
    name = recovery.action if key.action == ROOT_ACTION else key.action
    action = RunKey(key.run.project, key.run.domain, recovery.run).action(name)
    before, first = await read_action(log, action)
    if not _is_same_call(state, before):
        return None
    return Source(action=action, first=first, last=before.version)


async def _above(log: EventLog, key: ActionKey, state: ActionState, recovery: Recovery) -> list[str]:
    """The actions above this one, where it matters."""
    above: list[str] = []
    while recovery.again and state.parent is not None:
        above.append(state.parent)
        state, _ = await read_action(log, key.run.action(state.parent))
    return above


def _is_same_call(state: ActionState, before: ActionState) -> bool:
    """Whether both were asked for the same task, of the same version, with the same inputs."""
    if state.requested is None or before.requested is None:
        return False
    return state.requested.task == before.requested.task and (
        inputs_digest(state.inputs) == inputs_digest(before.inputs)
    )
