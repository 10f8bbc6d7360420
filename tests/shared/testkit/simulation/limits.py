"""Limits of the one project of a world: in half of the worlds there are some, and they must hold.

That whoever waits for a limit gets his turn is seen from every run's having ended.
"""

import random
from collections.abc import Iterable

from flyte_bus.memory import MemoryBus
from flyte_bus.ports import Entry
from flyte_schemas.envelope import Event
from flyte_schemas.limits import LIMITS_KEY, LimitBook
from flyte_schemas.run import RunFold
from flyte_schemas.streams import SETTINGS_BUCKET
from flyte_schemas.subjects import ActionKey, RunKey, parse_action


def drawn(seed: int) -> dict[str, float]:
    """The limits of a world; with dice of their own, so that all else in it is as without them."""
    dice = random.Random(f"limits {seed}")
    return {"live_actions": dice.choice((1, 1, 2)), "requests_per_s": 0.2} if dice.random() < 0.5 else {}


async def set_limits(bus: MemoryBus, seed: int) -> None:
    """Set what was drawn, before anything happens."""
    if limits := drawn(seed):
        book = LimitBook().changed("p", limits)
        await bus.bucket(SETTINGS_BUCKET).put(LIMITS_KEY, book.model_dump_json(exclude_none=True).encode())


def exceeded(log: Iterable[Entry], seed: int, executors: int) -> list[str]:
    """Where more actions were under way than there may be: claimed, and without children.

    Executors know of each other's attempts when they are claimed, so each may have as many.
    """
    limit = drawn(seed).get("live_actions")
    if limit is None:
        return []
    folds: dict[RunKey, RunFold] = {}
    parents: set[ActionKey] = set()
    under_way: set[ActionKey] = set()
    found = []
    for entry in log:
        key = parse_action(entry.subject)
        if key is None or not isinstance(entry.content, Event):
            continue
        state = folds.setdefault(key.run, RunFold()).apply(key.action, entry.content, entry.sequence)
        if state.parent is not None:
            parents.add(parent := key.run.action(state.parent))
            under_way.discard(parent)
        if state.is_claimed and key not in parents:
            under_way.add(key)
        else:
            under_way.discard(key)
        if len(under_way) > limit * executors:
            names = ", ".join(sorted(map(str, under_way)))
            found.append(f"at {entry.sequence} {names} are under way, and {limit:g} may be")
    return found[:3]
