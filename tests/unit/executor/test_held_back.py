"""Looks for those whom a limit holds back are made only while somebody waits and there is a limit."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_executor.allowance import Allowance
from flyte_executor.backends.port import Waiting
from flyte_executor.core.placement import Placement
from flyte_executor.held_back import HeldBack
from flyte_executor.runs import LiveRuns
from flyte_schemas.limits import ALL, LIMITS_KEY, LimitBook, Limits, Place
from flyte_schemas.streams import SETTINGS_BUCKET
from flyte_schemas.subjects import AttemptKey, RunKey
from testkit.virtual_time import VirtualTimeLoop

LONG_S = 1_000.0


class Watched(Placement):
    """Counts how often somebody looks."""

    looks = 0

    def held_back(self, most: int) -> Iterator[tuple[Place, AttemptKey]]:
        self.looks += 1
        return super().held_back(most)


def root(number: int) -> AttemptKey:
    return AttemptKey(RunKey("p", "d", f"r{number}").action("a0"), 1)


def test_nobody_is_looked_for_while_nobody_waits_or_nothing_is_limited() -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(_looks_follow_who_waits())


async def _looks_follow_who_waits() -> None:
    bus = MemoryBus(MemoryServer(clock=asyncio.get_running_loop().time))
    await bus.provision()
    allowance = Allowance(bus, lambda: datetime.now(UTC))
    following = asyncio.create_task(allowance.limits.follow())
    placement = Watched(1, allowance.live_actions)
    told: list[Waiting] = []

    async def tell(waiting: Waiting) -> None:
        told.append(waiting)

    looking = asyncio.create_task(HeldBack(placement, allowance, LiveRuns(bus), tell).run())
    placement.want(root(1))  # begins at once
    await asyncio.sleep(LONG_S)
    assert (placement.looks, told) == (0, [])
    placement.want(root(2))  # for the slot
    await asyncio.sleep(LONG_S)
    assert (placement.looks, told) == (0, [])
    book = LimitBook(limits={ALL: Limits(live_actions=1)})
    await bus.bucket(SETTINGS_BUCKET).put(LIMITS_KEY, book.model_dump_json().encode())
    await asyncio.sleep(LONG_S)
    assert placement.looks > 2
    assert {waiting.attempt for waiting in told} == {root(2)}
    placement.ended(root(1).action)  # now the second begins
    await asyncio.sleep(LONG_S)
    looks = placement.looks
    await asyncio.sleep(LONG_S)
    assert placement.looks == looks
    for task in (looking, following):
        task.cancel()
