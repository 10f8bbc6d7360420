"""A whole run, folded: its actions by name.

`RunFold` is an accumulator that changes in place: copying ten thousand states for one event would make a
long run quadratic. What it hands out is frozen.
"""

from collections.abc import Iterator

from flyte_schemas.action import ActionState, evolve, skip
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import ROOT_ACTION

_NOTHING = ActionState()


class RunFold:
    """The states of a run's actions, fed event by event; a sequence that was seen before changes nothing."""

    def __init__(self) -> None:
        self.actions: dict[str, ActionState] = {}
        self._children: dict[str, set[str]] = {}
        self._asking: set[str] = set()
        self._live = 0

    def apply(self, action: str, event: AnyEvent, sequence: int) -> ActionState:
        """Fold one event into its action, and return the action's state after it."""
        before = self.actions.get(action, _NOTHING)
        if sequence <= before.version:
            return before
        after = evolve(before, event, sequence)
        self.actions[action] = after
        self._live += after.is_live - before.is_live
        if before.parent is None and after.parent is not None:
            self._children.setdefault(after.parent, set()).add(action)
            if after.traced is None:
                self._asking.add(after.parent)
        return after

    def skip(self, action: str, sequence: int) -> None:
        """Take note of a message that nobody can read: a decision must expect it all the same."""
        if action in self.actions:
            self.actions[action] = skip(self.actions[action], sequence)

    def slim(self, action: str) -> None:
        """Keep of an action that has ended only that, and how: not what went in or came out."""
        state = self.actions.get(action)
        if state is not None and state.is_terminal:
            self.actions[action] = ActionState(
                version=state.version,
                phase=state.phase,
                attempt=state.attempt,
                attempt_over=state.attempt_over,
                fence=state.fence,
            )

    def get(self, action: str) -> ActionState:
        """The state of an action; the empty state when nothing happened to it."""
        return self.actions.get(action, _NOTHING)

    def children(self, action: str) -> Iterator[tuple[str, ActionState]]:
        """The direct children of an action, its traced steps among them."""
        for child in sorted(self._children.get(action, ())):
            yield child, self.actions[child]

    def has_children(self, action: str) -> bool:
        """Whether it has asked for another action; a traced step is part of itself."""
        return action in self._asking

    @property
    def root(self) -> ActionState:
        return self.get(ROOT_ACTION)

    @property
    def phase(self) -> ActionPhase | None:
        """The run's phase: its root action's."""
        return self.root.phase

    @property
    def is_imported(self) -> bool:
        """Whether this is the past of another stack, in which nobody here has a part."""
        return self.root.imported is not None

    @property
    def is_settled(self) -> bool:
        """Whether every action has ended; not while of an imported run the end has yet to come."""
        return bool(self.actions) and not self._live and (not self.is_imported or self.root.is_terminal)
