"""A run as the log tells it: read what happened, follow what comes, fold both."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from flyte_bus.ports import Bus, Entry
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.run import RunFold
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import RunKey, parse_action, run_filter


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event of a run: to which action, where in the log, and the action's state after it."""

    action: str
    event: AnyEvent
    sequence: int
    state: ActionState
    raw: bytes


class RunWatch:
    """One reader of one run; `fold` is what it knows so far."""

    def __init__(self, bus: Bus, key: RunKey) -> None:
        self._bus = bus
        self.key = key
        self.fold = RunFold()
        self._after = 0

    def task_of(self, action: str) -> str | None:
        """The name of an action's task, once the watch has seen who asked for it."""
        return self.fold.get(action).task_name

    async def refresh(self) -> ActionState:
        """Read on to the end of the log; the root action's state."""
        async with aclosing(self.happened()) as happenings:
            async for _ in happenings:
                pass
        return self.fold.root

    async def happened(self) -> AsyncGenerator[Happening]:
        """What is in the log beyond what this watch has seen."""
        async with aclosing(self._bus.log.read(RUNS, run_filter(self.key), after=self._after)) as entries:
            async for entry in entries:
                if (happening := self._take(entry)) is not None:
                    yield happening

    async def follow(self) -> AsyncGenerator[Happening]:
        """The same, and then what comes, for ever."""
        async with aclosing(self._bus.log.follow(RUNS, run_filter(self.key), after=self._after)) as entries:
            async for entry in entries:
                if (happening := self._take(entry)) is not None:
                    yield happening

    def _take(self, entry: Entry) -> Happening | None:
        self._after = max(self._after, entry.sequence)
        place = parse_action(entry.subject)
        if place is None or isinstance(entry.content, Malformed):
            return None
        state = self.fold.apply(place.action, entry.content, entry.sequence)
        return Happening(
            action=place.action,
            event=entry.content,
            sequence=entry.sequence,
            state=state,
            raw=entry.raw,
        )
