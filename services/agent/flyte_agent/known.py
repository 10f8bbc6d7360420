"""What never changes in the log, and each attempt asks for: task versions, and how runs began."""

from dataclasses import dataclass
from datetime import datetime

from flyte_bus.history import read_action
from flyte_bus.ports import EventLog
from flyte_bus.templates import Templates
from flyte_schemas.action import ActionState
from flyte_schemas.events import ActionRequested, RunSettings
from flyte_schemas.subjects import ROOT_ACTION, ActionKey, AttemptKey, RunKey
from flyte_schemas.task import TaskTemplate

ROOTS_KEPT = 256
"""How many runs are remembered."""


@dataclass(frozen=True, slots=True)
class RunRoot:
    """When a run was asked for, and what was said of it as a whole."""

    requested_at: datetime | None
    settings: RunSettings


class Known:
    """Looks into the log once for each."""

    def __init__(self, events: EventLog) -> None:
        self._log = events
        self._templates = Templates(events)
        self._roots: dict[RunKey, RunRoot] = {}

    async def template(self, attempt: AttemptKey, requested: ActionRequested) -> TaskTemplate:
        """The template of the task, as this call wants it. Raises RuntimeError when there is none."""
        template = await self._templates.find(attempt.action.run, requested.task)
        if template is None:
            raise RuntimeError(f"{requested.task} is not in the log")
        return template.overridden(requested.overrides)

    async def root(self, action: ActionKey, state: ActionState) -> RunRoot:
        """How the run of an action began; `state` is the action's own."""
        root = action.run.action(ROOT_ACTION)
        known = self._roots.get(action.run)
        if known is None:
            if action != root:
                state, _ = await read_action(self._log, root)
            settings = state.requested.settings if state.requested else None
            known = RunRoot(state.requested_at, settings or RunSettings())
            if len(self._roots) >= ROOTS_KEPT:
                del self._roots[next(iter(self._roots))]
            self._roots[action.run] = known
        return known
