"""The runs that are alive, folded in memory, and how far the log was read.

Only live runs are held. A run that is not held has ended, and of what may still be said about it only a
request for another action can matter: that makes the whole run be read from the log again.
"""

from collections import Counter

import orjson
import structlog

from flyte_bus.history import read_run
from flyte_bus.ports import Bus, Entry
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.events import (
    ActionRequested,
    AttemptPlaced,
    AttemptReclaimed,
    AttemptStarted,
    ConditionRequested,
)
from flyte_schemas.imported import RunImported
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from flyte_schemas.streams import SETTINGS_BUCKET
from flyte_schemas.subjects import ActionKey, RunKey, parse_action

log = structlog.get_logger()

CHECKPOINT_KEY = "executor.checkpoint"
MAX_CHECKPOINT_RUNS = 4_000
"""How many live runs a checkpoint names: it is one message. With more, the last one stands: it stays true."""


class LiveRuns:
    """The folds of live runs; `position` is the sequence up to which the log was read."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._folds: dict[RunKey, RunFold] = {}
        self._restored: set[RunKey] = set()
        self.position = 0

    def state(self, key: ActionKey) -> ActionState:
        fold = self._folds.get(key.run)
        return ActionState() if fold is None else fold.get(key.action)

    def known(self, entry: Entry) -> ActionState | None:
        """The action of an entry as it was folded until now; None: its run is not held."""
        key = parse_action(entry.subject)
        return None if key is None or key.run not in self._folds else self.state(key)

    def fold(self, run: RunKey) -> RunFold:
        """The run's fold; an empty one that is not kept when the run is not held."""
        return self._folds.get(run) or RunFold()

    @property
    def held(self) -> int:
        """How many runs are held."""
        return len(self._folds)

    def holds(self, run: RunKey) -> bool:
        """Whether a run is held: something of it lives."""
        return run in self._folds

    def living(self) -> tuple[RunKey, ...]:
        """The runs that are held and are ours."""
        return tuple(run for run in self._folds if self.is_ours(run))

    def by_phase(self) -> Counter[ActionPhase]:
        """How many live actions are in each phase."""
        return Counter(
            state.phase
            for fold in self._folds.values()
            if not fold.is_imported
            for state in fold.actions.values()
            if state.phase is not None and not state.phase.is_terminal
        )

    def live_actions(self) -> list[ActionKey]:
        """Every action that has not ended, in a stable order; those of imported runs are not ours."""
        return [
            run.action(name)
            for run, fold in self._folds.items()
            if not fold.is_imported
            for name, state in fold.actions.items()
            if state.is_live
        ]

    def is_ours(self, run: RunKey) -> bool:
        """Whether a run happens here: of one that is being imported nothing is to be decided."""
        fold = self._folds.get(run)
        return fold is None or not fold.is_imported

    async def fold_entry(self, entry: Entry) -> ActionKey | None:
        """Fold a message of the log; returns the action that it may have changed."""
        key = parse_action(entry.subject)
        if key is not None:
            await self._fold(key, entry)
        # Only now: a checkpoint taken meanwhile must not count a run as read that is not held yet.
        self.position = max(self.position, entry.sequence)
        return key

    async def _fold(self, key: ActionKey, entry: Entry) -> None:
        if isinstance(entry.content, Malformed):
            self.fold(key.run).skip(key.action, entry.sequence)
            return
        if key.run not in self._folds and isinstance(
            entry.content.data, ActionRequested | ConditionRequested | RunImported
        ):
            starts = key.is_root
            self._folds[key.run] = RunFold() if starts else await read_run(self._bus.log, key.run)
        self.apply(key, entry.content, entry.sequence)

    def apply(self, key: ActionKey, event: AnyEvent, sequence: int) -> None:
        """Fold one event that is known to be in the log; nothing happens when the run is not held."""
        if key.run in self._folds:
            self._folds[key.run].apply(key.action, event, sequence)

    def slim(self, key: ActionKey) -> None:
        """An action of a run that goes on has ended, and all that follows from it is done."""
        fold = self._folds.get(key.run)
        if fold is not None and not key.is_root and key.run not in self._restored:
            fold.slim(key.action)

    def let_go(self, run: RunKey) -> None:
        """Forget a run in which nothing lives any more."""
        fold = self._folds.get(run)
        if fold is not None and fold.is_settled and run not in self._restored:
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
        self._restored = set(runs)
        self.position = position

    def caught_up(self) -> None:
        """Let go of what has ended since the checkpoint: until now its folds were ahead of `position`."""
        self._restored.clear()
        for run in tuple(self._folds):
            self.let_go(run)

    async def save(self) -> None:
        """Note how far the log was read and which runs live."""
        if len(self._folds) > MAX_CHECKPOINT_RUNS:
            log.info("executor.checkpoint.skipped", live=len(self._folds), limit=MAX_CHECKPOINT_RUNS)
            return
        live = [[run.project, run.domain, run.run] for run in self._folds]
        document = {"sequence": self.position, "live": live}
        await self._bus.bucket(SETTINGS_BUCKET).put(CHECKPOINT_KEY, orjson.dumps(document))


def is_of_a_worker(entry: Entry) -> bool:
    """Whether it says that a worker has an attempt: what is due does not change with that."""
    if isinstance(entry.content, Malformed):
        return False
    return isinstance(entry.content.data, AttemptPlaced | AttemptStarted | AttemptReclaimed)
