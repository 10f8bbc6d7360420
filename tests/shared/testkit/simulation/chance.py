"""Everything that a seed decides: how long things take, what is lost, who is killed, what tasks do."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often things go wrong while they may (probabilities), and how long they take (seconds)."""

    lost_ack: float
    late_copy: float
    lost_delivery: float
    crash: float
    failed_launch: float
    killed_agent: float
    paused_agent: float
    outage: float
    delay_s: float
    sleeping_agent: float
    cut_off_agent: float
    clock_jump: float


class Chance:
    """The dice of one world. With `peace` nothing goes wrong any more."""

    def __init__(self, seed: int, without: Sequence[str] = ()) -> None:
        self.dice = random.Random(seed)
        self.peace = False
        self.written_at: dict[int, float] = {}
        """When each event of the log of runs was written, in seconds of the world."""
        self.circling = asyncio.Event()
        """Somebody fills the log without end: the world is over."""
        roll = self.dice.random
        self.rates = Rates(
            lost_ack=self.dice.choice((0.0, 0.05, 0.5)),
            late_copy=self.dice.choice((0.0, 0.2, 0.8)),
            lost_delivery=roll() * 0.2,
            crash=roll() * 0.5,
            failed_launch=roll() * 0.1,
            killed_agent=roll() * 0.2,
            paused_agent=roll() * 0.1,
            outage=roll() * 0.3,
            delay_s=self.dice.choice((0.0, 0.001, 0.02, 1.0)),
            sleeping_agent=roll() * 0.3,
            cut_off_agent=roll() * 0.3,
            clock_jump=roll() * 0.3,
        )
        self.rates = replace(self.rates, **dict.fromkeys(without, 0.0))

    def happens(self, rate: float) -> bool:
        """Whether something of this rate goes wrong now."""
        return not self.peace and self.dice.random() < rate

    async def delay(self) -> None:
        """What a message takes on its way."""
        await asyncio.sleep(self.dice.random() * self.rates.delay_s)

    async def pause(self, longest_s: float) -> None:
        await asyncio.sleep(self.dice.random() * longest_s)
