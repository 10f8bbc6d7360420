"""The phases of actions for a reader who may begin anywhere: what it has not seen begin, it reads once.

It holds states of many actions, not of all: one that was let go of is read again when it is met again.
"""

from collections import OrderedDict
from contextlib import aclosing
from typing import NamedTuple

from flyte_bus.ports import EventLog
from flyte_schemas.action import ActionState, evolve
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.events import ActionRequested, ConditionRequested, TraceEnded
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ActionKey, action_subject

KEPT_ACTIONS = 50_000
"""How many actions' states are held."""


class Phases(NamedTuple):
    """The phase of an action before and after an event, and the name of its task."""

    before: ActionPhase | None
    after: ActionPhase | None
    task: str | None


class _Known(NamedTuple):
    state: ActionState
    task: str | None


class KnownActions:
    """Folds events of many actions, each in the order of its subject."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._known: OrderedDict[ActionKey, _Known] = OrderedDict()

    async def apply(self, key: ActionKey, event: AnyEvent, sequence: int) -> Phases:
        """Fold one event in."""
        known = self._known.pop(key, None)
        if known is None:
            known = await self._before(key, event, sequence)
        state = evolve(known.state, event, sequence)
        task = known.task or state.task_name
        self._known[key] = _Known(_slim(state), task)
        if len(self._known) > KEPT_ACTIONS:
            self._known.popitem(last=False)
        return Phases(known.state.phase, state.phase, task)

    async def _before(self, key: ActionKey, event: AnyEvent, sequence: int) -> _Known:
        """What an action was before an event, from the log; it need not be read where that event opens it."""
        state = ActionState()
        if isinstance(event.data, ActionRequested | ConditionRequested | TraceEnded):
            return _Known(state, None)
        async with aclosing(self._log.read(RUNS, action_subject(key))) as entries:
            async for entry in entries:
                if entry.sequence >= sequence:
                    break
                if not isinstance(entry.content, Malformed):
                    state = evolve(state, entry.content, entry.sequence)
        return _Known(_slim(state), state.task_name)


def _slim(state: ActionState) -> ActionState:
    """Without what went in and came out: no phase follows from that."""
    return state._replace(
        requested=None, traced=None, condition=None, outputs=None, failure=None, reports=(), checkpoint=None
    )
