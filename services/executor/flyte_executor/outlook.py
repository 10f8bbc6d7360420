"""What the executor sees when it looks at an action: its state, its template, its run, the time, the cache.

The core decides from these alone; here they are gathered.
"""

from datetime import datetime
from typing import Protocol

from flyte_bus.ports import Bus
from flyte_bus.templates import Templates
from flyte_executor.allowance import Allowance
from flyte_executor.core.decide import Surroundings, decide
from flyte_executor.core.lookup import NOTHING, Lookup
from flyte_executor.core.recovery import runs_again
from flyte_executor.core.times import WakeAt
from flyte_executor.recoveries import Recoveries
from flyte_executor.results import Results
from flyte_executor.runs import LiveRuns
from flyte_executor.settings import ExecutorSettings
from flyte_schemas.action import ActionState
from flyte_schemas.events import ActionFailed, ActionRecovered, EventData, RunSettings
from flyte_schemas.phase import ActionPhase
from flyte_schemas.pools import PROCESS, Pool, pool_of, runs_apart
from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey
from flyte_schemas.task import TaskTemplate

_NO_SETTINGS = RunSettings()
POOLS_KEPT = 1_000
"""How many answers to "which pool?" are remembered; all may be forgotten and found again."""


class Clock(Protocol):
    """The time of day for decisions about an action."""

    def now(self, key: ActionKey) -> datetime: ...


class Outlook:
    """Everything that a decision may depend on."""

    def __init__(
        self, bus: Bus, runs: LiveRuns, settings: ExecutorSettings, clock: Clock, allowance: Allowance
    ) -> None:
        self._runs = runs
        self._allowance = allowance
        self._settings = settings
        self._clock = clock
        self._templates = Templates(bus.log)
        self._results = Results(bus, settings.cache_scope)
        self._recoveries = Recoveries(bus, self._templates)
        self._pools: dict[tuple[RunKey, str, str, tuple[tuple[str, str], ...]], Pool | None] = {}

    async def decide(self, key: ActionKey) -> EventData | WakeAt | None:
        """What is due for an action. Raises the bus's errors."""
        if not self._runs.state(key).is_live:
            return None
        template = await self._template(key)
        recovered = await self._recover(key)
        looked_up = await self._look_up(key, template) if recovered is None else NOTHING
        pool = await self.pool(key)
        state = self._runs.state(key)  # the log may have gone on meanwhile
        around = Surroundings(
            now=self._clock.now(key),
            template=template,
            pool=PROCESS if pool is None else pool.name,
            settings=self.settings_of(key.run),
            exceeded=self._allowance.over(key),
            recovered=recovered,
            cache=looked_up,
            parent_ended=self.parent_ended(key, state),
            max_system_failures=self._settings.max_system_failures,
        )
        return decide(state, around)

    async def template(self, key: ActionKey) -> TaskTemplate | None:
        """The template of an action's task as this call wants it; None when it was never deployed."""
        requested = self._runs.state(key).requested
        template = await self._template(key)
        return None if template is None or requested is None else template.overridden(requested.overrides)

    async def pool(self, key: ActionKey) -> Pool | None:
        """Where an action's attempts run; None: in processes of their own.

        That is also so for the one that follows an attempt whose process ended while others shared it.
        """
        state = self._runs.state(key)
        requested, template = state.requested, await self.template(key)
        if template is None or requested is None or template.reuse is None:
            return None
        if runs_apart(template.reuse, state.failure):
            return None
        account = self.settings_of(key.run).service_account
        if requested.overrides is not None:
            return pool_of(template, requested.task.version, key.run, requested.env_vars, account)
        same = (key.run, requested.task.name, requested.task.version, tuple(requested.env_vars.items()))
        if same not in self._pools:
            if len(self._pools) >= POOLS_KEPT:
                self._pools.clear()
            version = requested.task.version
            self._pools[same] = pool_of(template, version, key.run, requested.env_vars, account)
        return self._pools[same]

    def parent_ended(self, key: ActionKey, state: ActionState) -> bool:
        """Whether nobody is left for whom this action would run."""
        parent = state.parent
        return parent is not None and not self._runs.state(key.run.action(parent)).is_live

    def is_open(self, attempt: AttemptKey) -> bool:
        """Whether a process should run for it; none should for a child that is about to be aborted."""
        key, state = attempt.action, self._runs.state(attempt.action)
        return state.has_open(attempt.attempt) and not self.parent_ended(key, state)

    def settings_of(self, run: RunKey) -> RunSettings:
        """What its user said of a run as a whole."""
        root = self._runs.fold(run).root.requested
        return (root.settings if root else None) or _NO_SETTINGS

    async def keep_result(self, key: ActionKey) -> tuple[ActionKey, ...]:
        """Keep what an action that ended has computed, where its task wants that; who waited for it."""
        state = self._runs.state(key)
        if state.phase is ActionPhase.SUCCEEDED:
            template = await self.template(key)
            if template is not None:
                await self._results.keep(key, state, template, self.settings_of(key.run))
        return self._results.waited_for(key)

    async def _template(self, key: ActionKey) -> TaskTemplate | None:
        requested = self._runs.state(key).requested
        return None if requested is None else await self._templates.find(key.run, requested.task)

    async def _recover(self, key: ActionKey) -> ActionRecovered | ActionFailed | None:
        state, recovery = self._runs.state(key), self.settings_of(key.run).recovery
        if recovery is None or self.parent_ended(key, state):
            return None
        return await self._recoveries.look(key, state, self._above(key), recovery)

    def _above(self, key: ActionKey) -> tuple[str, ...]:
        """The actions above one, from its parent to the root."""
        fold, names = self._runs.fold(key.run), list[str]()
        parent = fold.get(key.action).parent
        while parent is not None and parent not in names:
            names.append(parent)
            parent = fold.get(parent).parent
        return tuple(names)

    async def _look_up(self, key: ActionKey, template: TaskTemplate | None) -> Lookup:
        state = self._runs.state(key)
        if template is None or state.requested is None or self.parent_ended(key, state):
            return NOTHING
        template, settings = template.overridden(state.requested.overrides), self.settings_of(key.run)
        if settings.recovery is not None and runs_again(key.action, self._above(key), settings.recovery):
            settings = settings.model_copy(update={"overwrite_cache": True})
        return await self._results.look(key, state, template, settings)
