"""How often somebody may do something."""

from collections import OrderedDict, deque
from collections.abc import Hashable

MAX_KEPT = 10_000
"""Of so many the times are remembered; then those who did something longest ago are forgotten."""


class Allowance:
    """`most` times within `within_s` seconds, for each of many."""

    def __init__(self, most: int, within_s: float) -> None:
        self._most = most
        self._within_s = within_s
        self._times: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def take(self, who: Hashable, now_s: float) -> bool:
        """Whether this may be done now; if so, it counts."""
        times = self._times.setdefault(who, deque())
        self._times.move_to_end(who)
        if len(self._times) > MAX_KEPT:
            self._times.popitem(last=False)
        while times and times[0] <= now_s - self._within_s:
            times.popleft()
        if len(times) >= self._most:
            return False
        times.append(now_s)
        return True
