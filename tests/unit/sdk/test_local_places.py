"""How many actions of a local run run at a time."""

import asyncio
import threading
import time

import pytest

import flyte


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="env")


class _Crowd:
    """How many are inside at a time, and the most there were."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def enter(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def leave(self) -> None:
        with self._lock:
            self.now -= 1


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (2, 2), (None, 6)])
def test_a_local_run_has_no_more_actions_at_a_time_than_it_wants(
    env: flyte.TaskEnvironment, limit: int | None, expected: int
) -> None:
    crowd = _Crowd()

    @env.task
    async def leaf(x: int) -> int:
        crowd.enter()
        await asyncio.sleep(0.01)
        crowd.leave()
        return x

    @env.task
    async def between(x: int) -> int:
        return sum(await asyncio.gather(leaf(x), leaf(x + 1)))

    @env.task
    async def main() -> int:
        return sum(await asyncio.gather(*(between(x) for x in range(3))))

    run = flyte.with_runcontext(max_action_concurrency=limit).run(main)
    assert (run.outputs()[0], crowd.most) == (9, expected)


def test_sync_actions_of_a_local_run_keep_to_its_limit_too(env: flyte.TaskEnvironment) -> None:
    crowd = _Crowd()

    @env.task
    def leaf(x: int) -> int:
        crowd.enter()
        time.sleep(0.005)
        crowd.leave()
        return x

    @env.task
    def between(x: int) -> int:
        return leaf(x) + leaf(x)

    @env.task
    async def main() -> int:
        return sum(await asyncio.gather(*(between.aio(x) for x in range(4))))

    run = flyte.with_runcontext(max_action_concurrency=2).run(main)
    assert (run.outputs()[0], crowd.most) == (12, 2)


def test_a_call_that_is_cancelled_while_it_waits_for_its_place_keeps_none(env: flyte.TaskEnvironment) -> None:
    began = []

    @env.task
    async def leaf(x: int) -> int:
        began.append(x)
        await asyncio.sleep(0)
        return x

    @env.task
    async def main() -> list[int]:
        calls = [asyncio.create_task(leaf(x)) for x in range(4)]
        await asyncio.sleep(0)
        calls[1].cancel()
        calls[2].cancel()
        return [await calls[0], await calls[3]]

    run = flyte.with_runcontext(max_action_concurrency=1).run(main)
    assert (run.outputs()[0], began) == ([0, 3], [0, 3])
