"""Subscribers that are killed at random see every event once: the examples, for the length of 1,000 runs."""

import asyncio
import os
import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.settings import BusSettings
from flyte_schemas.subjects import RunKey
from testkit.events import event
from testkit.examples import EXAMPLES
from testkit.javascript import javascript
from testkit.many_runs import story_of
from testkit.nats_server import NatsServer
from testkit.subscriber import SUBSCRIBERS, Subscriber

__all__ = ["javascript"]

RUNS = 1_000
AT_A_TIME = 40
"""So many runs go on at the same time."""
DEATHS = {"python": 8, "javascript": 16, "typed": 3}
"""So often each subscriber is killed, while the runs go on; they begin more or less slowly."""
AHEAD = 60
"""So many runs may be ahead of where they are due for the deaths there were. Less than two lives' worth:
so each life finds some to tell of.
"""
DEPLOY_EVERY = 100

(DEPLOYED,) = [one for one in EXAMPLES if one.type == "flyte.task.deployed.v1"]


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    settings = BusSettings(url=nats_server.url, user=nats_server.user, password=nats_server.password)
    async with await connect(settings) as bus:
        await bus.provision()
        yield bus


@dataclass
class Traffic:
    """Runs that go on while subscribers die; each story is told in its order."""

    bus: Bus
    told: list[str] = field(default_factory=list)
    deployed: list[str] = field(default_factory=list)
    ended: int = 0

    async def flow(self, subscribers: dict[str, Subscriber]) -> None:
        numbers = iter(range(RUNS))

        def due() -> float:
            return RUNS * min(one.kills / DEATHS[name] for name, one in subscribers.items())

        async def work() -> None:
            for number in numbers:
                while due() + AHEAD < number:
                    await asyncio.sleep(0.005)
                for one in story_of(RunKey("p", "d", f"r{number:04}"), number, children=1):
                    await self.bus.log.append(one)
                    self.told.append(one.id)
                if number % DEPLOY_EVERY == 0:
                    await self._deploy(f"deployed {number}")
                self.ended += 1

        await asyncio.gather(*(work() for _ in range(AT_A_TIME)))

    async def end(self) -> None:
        """Say what comes after all that was said on either stream."""
        (first, *_) = story_of(RunKey("p", "d", "last"), RUNS)
        await self.bus.log.append(first)
        self.told.append(first.id)
        await self._deploy("last")

    async def _deploy(self, id: str) -> None:
        await self.bus.log.append(event("flyte.task.p.d.env.main", DEPLOYED.data, id=id))  # type: ignore[arg-type]
        self.deployed.append(id)


def check(seen: list[dict[str, Any]], wanted: list[str]) -> None:
    """Every event once by id, and each action's in the order in which they happened."""
    ids = [one["id"] for one in seen]
    assert set(ids) == set(wanted)
    assert len(ids) == len(set(ids)) == len(wanted)
    of_action: defaultdict[str, list[int]] = defaultdict(list)
    for one in seen:
        if one["subject"].startswith("flyte.run."):
            of_action[one["subject"]].append(int(one["id"].rpartition("/")[2]))
    assert len(of_action) > RUNS
    assert all(numbers == sorted(numbers) for numbers in of_action.values())


@pytest.fixture
def subscribers(nats_server: NatsServer, tmp_path: Path, javascript: Path) -> Iterator[dict[str, Subscriber]]:
    commands = {
        "python": [sys.executable, str(SUBSCRIBERS / "journal.py"), nats_server.url],
        "javascript": ["node", str(javascript / "journal.mjs"), nats_server.url],
        "typed": [sys.executable, str(SUBSCRIBERS / "typed_journal.py")],
    }
    made = {
        name: Subscriber(command, tmp_path / f"{name}.jsonl", nats_server)
        for name, command in commands.items()
    }
    try:
        yield made
    finally:
        for one in made.values():
            one.kill()


@pytest.mark.timeout(300)  # thirty processes begin, which takes its time on a loaded machine
async def test_subscribers_that_are_killed_at_random_see_every_event_of_1000_runs_once_and_in_order(
    bus: Bus, subscribers: dict[str, Subscriber]
) -> None:
    seed = int(os.environ.get("FLYTE_TEST_SEED", "8"))
    traffic = Traffic(bus)

    async def die_again_and_again(name: str, one: Subscriber) -> None:
        dice = random.Random(f"{seed} {name}")
        while one.kills < DEATHS[name]:
            await one.live_and_die(dice)

    lives = [die_again_and_again(name, one) for name, one in subscribers.items()]
    await asyncio.gather(traffic.flow(subscribers), *lives)
    assert traffic.ended == RUNS
    await traffic.end()
    assert {name: one.kills for name, one in subscribers.items()} == DEATHS
    for one in subscribers.values():
        one.start()
    for name, one in subscribers.items():
        deployed = traffic.deployed if name == "typed" else []
        await one.until(*traffic.told[-1:], *deployed[-1:])
        one.kill()
        check([line.get("event", line) for line in one.lines()], traffic.told + deployed)
