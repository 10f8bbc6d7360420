"""How long to keep trying, and how long to pause between two tries."""

import asyncio
import random

BACKOFF_FIRST_S = 0.02
BACKOFF_LIMIT_S = 1.0


class Patience:
    """One caller's patience, from now on: pauses grow up to a limit, and none outlasts the end."""

    def __init__(self, seconds: float) -> None:
        self._now = asyncio.get_running_loop().time
        self._deadline = self._now() + seconds
        self._pause_s = BACKOFF_FIRST_S

    @property
    def left_s(self) -> float:
        """What is left of it; 0 when it is over."""
        return max(0.0, self._deadline - self._now())

    async def pause(self) -> None:
        """Wait a little, more with each time, before the next try."""
        await asyncio.sleep(min(self._pause_s, self.left_s) * random.uniform(0.5, 1.0))
        self._pause_s = min(self._pause_s * 2, BACKOFF_LIMIT_S)
