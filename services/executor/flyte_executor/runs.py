"""The runs that are alive, folded in memory, and how far the log was read.

Only live runs are held. An event of a run that is not held (it was let go, or it began before the
checkpoint) makes the whole run be read from the log first.
"""

import orjson
import structlog

from flyte_bus.history import read_run
from flyte_bus.ports import Bus, Entry
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.events import ActionRequested
from flyte_schemas.run import RunFold
from flyte_schemas.streams import SETTINGS_BUCKET
from flyte_schemas.subjects import ActionKey, RunKey, parse_action

log = structlog.get_logger()

CHECKPOINT_KEY = "executor.checkpoint"


class LiveRuns:
    """The folds of live runs; `position` is the sequence up to which the log was read."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._folds: dict[RunKey, RunFold] = {}
        self.position = 0

    def state(self, key: ActionKey) -> ActionState:
        fold = self._folds.get(key.run)
        return ActionState() if fold is None else fold.get(key.action)

    def fold(self, run: RunKey) -> RunFold:
        """The run's fold; an empty one that is not kept when the run is not held."""
        return self._folds.get(run) or RunFold()

    def live_actions(self) -> list[ActionKey]:
        """Every action that has not ended, in a stable order."""
        return [
            run.action(name)
            for run, fold in self._folds.items()
            for name, state in fold.actions.items()
            if state.is_live
        ]

    async def fold_entry(self, entry: Entry) -> ActionKey | None:
        """Fold a message of the log; returns the action that it is about, None when nobody can read it."""
        self.position = max(self.position, entry.sequence)
        key = parse_action(entry.subject)
        if key is None or isinstance(entry.content, Malformed):
            return None
        if key.run not in self._folds:
            starts = key.is_root and isinstance(entry.content.data, ActionRequested)
            self._folds[key.run] = RunFold() if starts else await read_run(self._bus.log, key.run)
        self.apply(key, entry.content, entry.sequence)
        return key

    def apply(self, key: ActionKey, event: AnyEvent, sequence: int) -> ActionState:
        """Fold one event that is known to be in the log."""
        return self._folds.setdefault(key.run, RunFold()).apply(key.action, event, sequence)

    def let_go(self, run: RunKey) -> None:
        """Forget a run in which nothing lives any more."""
        fold = self._folds.get(run)
        if fold is not None and fold.is_settled:
            del self._folds[run]

    async def restore(self) -> None:
        """Read the runs that lived at the last checkpoint, and start there; at the beginning without one."""
        saved = await self._bus.bucket(SETTINGS_BUCKET).get(CHECKPOINT_KEY)
        if saved is None or saved.value is None:
            return
        try:
            document = orjson.loads(saved.value)
            position, runs = int(document["sequence"]), [RunKey(*run) for run in document["live"]]
        except (ValueError, KeyError, TypeError):
            log.warning("executor.checkpoint.unreadable")
            return
        for run in runs:
            self._folds[run] = await read_run(self._bus.log, run)
        self.position = position

    async def save(self) -> None:
        """Note how far the log was read and which runs live."""
        live = [[run.project, run.domain, run.run] for run in self._folds]
        document = {"sequence": self.position, "live": live}
        await self._bus.bucket(SETTINGS_BUCKET).put(CHECKPOINT_KEY, orjson.dumps(document))
