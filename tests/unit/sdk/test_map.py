"""`flyte.map`: one child for each item, in every caller."""

import asyncio
import functools
import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest

import flyte


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="env")


@pytest.fixture
def divide(env: flyte.TaskEnvironment) -> Any:
    @env.task
    def divide(x: int, by: int = 1) -> int:
        return x // by

    return divide


@pytest.fixture
def later(env: flyte.TaskEnvironment) -> Any:
    @env.task
    async def later(x: int) -> int:
        await asyncio.sleep(0)
        if x == 2:
            raise ValueError("two")
        return x

    return later


def in_a_sync_task(env: flyte.TaskEnvironment, body: Callable[[], Any]) -> Any:
    kept = []

    @env.task
    def parent() -> None:
        kept.append(body())

    flyte.run(parent)
    return kept[0]


def in_an_async_task(env: flyte.TaskEnvironment, body: Callable[[], Any]) -> Any:
    kept = []

    @env.task
    async def parent() -> None:
        found = body()
        kept.append(await found if asyncio.iscoroutine(found) else found)

    flyte.run(parent)
    return kept[0]


def outside(env: flyte.TaskEnvironment, body: Callable[[], Any]) -> Any:
    return body()


everywhere = pytest.mark.parametrize("caller", [in_a_sync_task, in_an_async_task, outside])


def shown(results: Any) -> list[str]:
    return [f"{type(item).__name__} {item}" for item in results]


@everywhere
def test_results_come_in_the_order_of_the_items_and_errors_among_them(
    env: flyte.TaskEnvironment, divide: Any, later: Any, caller: Callable[..., Any]
) -> None:
    assert caller(env, lambda: list(flyte.map(divide, [6, 7, 8], [2, 1, 4]))) == [3, 7, 2]
    expected = ["int 1", "RuntimeUserError two", "int 3"]
    assert shown(caller(env, lambda: list(flyte.map(later, [1, 2, 3])))) == expected
    assert shown(caller(env, lambda: list(flyte.map(later, [1, 2, 3], concurrency=2)))) == expected


@everywhere
def test_the_first_error_is_raised_when_asked_for(
    env: flyte.TaskEnvironment, later: Any, caller: Callable[..., Any]
) -> None:
    def body() -> list[Any]:
        kept = []
        with pytest.raises(flyte.errors.RuntimeUserError, match="two"):
            for item in flyte.map(later, [1, 2, 3], return_exceptions=False):
                kept.append(item)
        return kept

    assert caller(env, body) == [1]


def test_the_async_face_is_an_async_generator(env: flyte.TaskEnvironment, divide: Any, later: Any) -> None:
    async def body() -> list[Any]:
        found: list[Any] = [item async for item in flyte.map.aio(later, [1, 2, 3], concurrency=1)]
        found += [item async for item in flyte.map.aio(divide, [6, 8], [2, 4])]
        with pytest.raises(flyte.errors.RuntimeUserError, match="two"):
            async for item in flyte.map.aio(later, [2, 1], return_exceptions=False):
                found.append(item)
        return found

    expected = ["int 1", "RuntimeUserError two", "int 3", "int 3", "int 2"]
    assert shown(in_an_async_task(env, body)) == expected
    assert shown(asyncio.run(body())) == expected


def test_a_partial_leaves_one_parameter(env: flyte.TaskEnvironment, divide: Any) -> None:
    assert list(flyte.map(functools.partial(divide, by=2), [4, 6])) == [2, 3]
    assert list(flyte.map(functools.partial(divide, x=12), [4, 6])) == [3, 2]
    assert list(flyte.map(functools.partial(divide, 12), [4, 6])) == [3, 2]

    @env.task
    def add(a: int, b: int, c: int) -> int:
        return a + b + c

    three: Any = add
    assert list(flyte.map(functools.partial(three, 1, c=3), [2])) == [6]
    wrong: Any
    for wrong in (
        functools.partial(three, 1),
        functools.partial(divide, 1, by=2),
        len,
        functools.partial(len),
    ):
        with pytest.raises(TypeError, match=r"exactly one parameter|takes a task"):
            flyte.map(wrong, [1])
    with pytest.raises(TypeError, match="one iterable"):
        flyte.map(functools.partial(divide, by=2), [1], [2])
    with pytest.raises(TypeError, match="something to map over"):
        flyte.map(divide)
    with pytest.raises(ValueError, match="must not be negative"):
        flyte.map(divide, [1], concurrency=-1)


def test_an_item_that_does_not_fit_is_an_error_of_its_own(env: flyte.TaskEnvironment, divide: Any) -> None:
    found = in_a_sync_task(env, lambda: list(flyte.map(divide, [1, "two", 3])))
    assert [isinstance(item, TypeError) for item in found] == [False, True, False]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_never_more_run_than_the_concurrency_says_and_no_fewer(env: flyte.TaskEnvironment, kind: str) -> None:
    lock, running, most = threading.Lock(), [0], [0]
    three_at_once = threading.Event()

    @env.task
    def work(x: int) -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            if running[0] == 3:
                three_at_once.set()
        three_at_once.wait(30)
        with lock:
            running[0] -= 1
        return x

    async def body() -> list[int]:
        if kind == "sync":
            return list(flyte.map(work, range(20), concurrency=3))  # type: ignore[arg-type]
        return [item async for item in flyte.map.aio(work, range(20), concurrency=3)]  # type: ignore[misc]

    assert in_an_async_task(env, body) == list(range(20))
    assert most[0] == 3


def test_an_endless_iterable_is_read_no_further_than_needed(env: flyte.TaskEnvironment, later: Any) -> None:
    def body() -> list[Any]:
        results = flyte.map(later, itertools.count(10), concurrency=2)
        taken = list(itertools.islice(results, 5))
        results.close()
        return taken

    assert in_a_sync_task(env, body) == [10, 11, 12, 13, 14]


def test_children_are_in_a_group_named_after_the_task(env: flyte.TaskEnvironment, divide: Any) -> None:
    from flyte._runtime import controller, group
    from flyte._runtime.child import Child

    seen: list[str | None] = []

    class Recorder:
        async def call(self, task: Any, inputs: dict[str, Any]) -> Any:
            seen.append(group.current())

        def start(self, task: Any, inputs: dict[str, Any]) -> Child:
            raise AssertionError("nobody blocks here")

    async def body() -> None:
        with controller.use(Recorder()):
            async for _ in flyte.map.aio(divide, [1], group_name="mine"):
                assert group.current() is None
            async for _ in flyte.map.aio(divide, [1]):
                pass

    asyncio.run(body())
    assert seen == ["env.divide_mine", "env.divide_map"]


def test_a_thousand_children_of_a_sync_task(env: flyte.TaskEnvironment, divide: Any, later: Any) -> None:
    assert sum(in_a_sync_task(env, lambda: list(flyte.map(divide, range(1000))))) == sum(range(1000))
    assert len(in_a_sync_task(env, lambda: list(flyte.map(later, range(1000))))) == 1000
