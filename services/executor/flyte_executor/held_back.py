"""Says of attempts that wait for a limit of their project that they do: why they wait is a fact."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice

from flyte_executor.allowance import Allowance
from flyte_executor.backends.port import Waiting
from flyte_executor.core.placement import Placement
from flyte_executor.runs import LiveRuns
from flyte_schemas.limits import Place
from flyte_schemas.subjects import AttemptKey

LOOK_S = 1.0
"""How long an attempt waits at least before it is said; doubled by each look that found the same …"""
LOOK_AT_LEAST_S = 30.0
"""… and never longer than this."""
OF_RUN = 5
"""It is said of the first of each run: of thousands of children, those whose turn it is next."""
AT_ONCE = 100
"""Of so many at most in each look."""


def reason(place: Place, limit: float) -> str:
    """What attempts wait for whose place has so many actions under way as it may have."""
    return f"one of the {limit:,g} live actions that {place} may have"


class HeldBack:
    """Looks now and then at those that wait, while any place has a limit. `tell` writes it down."""

    def __init__(
        self,
        placement: Placement,
        allowance: Allowance,
        runs: LiveRuns,
        tell: Callable[[Waiting], Awaitable[None]],
    ) -> None:
        self._placement = placement
        self._allowance = allowance
        self._runs = runs
        self._tell = tell
        self._changed = asyncio.Event()
        placement.listeners.append(self._changed.set)
        allowance.limits.listeners.append(self._changed.set)

    async def run(self) -> None:
        """Look for ever, while there may be something to see."""
        while True:
            await self._look_while_one_may_be_held_back()
            self._changed.clear()
            await self._changed.wait()

    async def _look_while_one_may_be_held_back(self) -> None:
        before: frozenset[AttemptKey] = frozenset()
        pause_s = LOOK_S
        while self._placement.waiting and self._allowance.limits.limit_anybody("live_actions"):
            await asyncio.sleep(pause_s)
            found = tuple(islice(self._placement.held_back(OF_RUN), AT_ONCE))
            for place, attempt in found:
                word = reason(place, self._allowance.live_actions(place) or 0)
                if attempt in before and self._runs.state(attempt.action).waiting != word:
                    await self._tell(Waiting(attempt=attempt, message=word))
            now = frozenset(attempt for _, attempt in found)
            pause_s = LOOK_S if now != before else min(2 * pause_s, LOOK_AT_LEAST_S)
            before = now
