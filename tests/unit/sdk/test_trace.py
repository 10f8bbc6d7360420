"""`@flyte.trace`: a step that runs here and may not call tasks."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import flyte
from flyte.errors import TraceDoesNotAllowNestedTasksError


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="env")


@flyte.trace
def add(x: int, y: int = 1) -> int:
    """Add."""
    return x + y


@flyte.trace
async def add_later(x: int) -> int:
    return x + 1


@flyte.trace
def count(n: int) -> Iterator[int]:
    yield from range(n)
    return None


@flyte.trace
async def count_later(n: int) -> AsyncIterator[int]:
    for number in range(n):
        yield number


def test_every_kind_of_function_runs_as_it_would(env: flyte.TaskEnvironment) -> None:
    async def body() -> list[Any]:
        return [add(1), add(1, y=2), await add_later(1), list(count(3)), [n async for n in count_later(3)]]

    @env.task
    async def parent() -> None:
        assert await body() == expected

    expected = [2, 3, 2, [0, 1, 2], [0, 1, 2]]
    assert asyncio.run(body()) == expected
    flyte.run(parent)
    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert inspect.iscoroutinefunction(add_later)


def test_generators_take_what_is_sent_and_thrown() -> None:
    @flyte.trace
    def echo() -> Any:
        heard: list[Any] = []
        try:
            while True:
                try:
                    heard.append((yield len(heard)))
                except KeyError:
                    heard.append("thrown")
                if len(heard) == 3:
                    return heard
        finally:
            closed.append(True)

    closed: list[bool] = []
    steps = echo()
    assert (next(steps), steps.send("a"), steps.throw(KeyError())) == (0, 1, 2)
    with pytest.raises(StopIteration) as stop:
        steps.send("b")
    assert stop.value.value == ["a", "thrown", "b"]
    left = echo()
    next(left)
    left.close()
    assert closed == [True, True]


@pytest.mark.parametrize("kind", ["sync", "async", "generator", "async generator", "aio", "map"])
def test_a_task_cannot_be_called_inside(env: flyte.TaskEnvironment, kind: str) -> None:
    @env.task
    def sync_task(x: int) -> int:
        return x

    @flyte.trace
    def sync_step() -> int:
        return sync_task(1)

    @flyte.trace
    async def async_step() -> int:
        return await asyncio.create_task(sync_task.aio(1))

    @flyte.trace
    async def aio_step() -> int:
        return await sync_task.aio(1)

    @flyte.trace
    def generator() -> Iterator[int]:
        yield sync_task(1)

    @flyte.trace
    async def async_generator() -> AsyncIterator[int]:
        yield await sync_task.aio(1)

    @flyte.trace
    def mapping() -> list[Any]:
        return list(flyte.map(sync_task, [1]))

    @env.task
    async def parent() -> None:
        match kind:
            case "sync":
                sync_step()
            case "async":
                await async_step()
            case "aio":
                await aio_step()
            case "generator":
                list(generator())
            case "async generator":
                [item async for item in async_generator()]
            case "map":
                mapping()

    with pytest.raises(flyte.errors.RuntimeUserError, match=r"calls the task env\.sync_task") as caught:
        flyte.run(parent)
    assert caught.value.code == "TraceDoesNotAllowNestedTasksError"


def test_forward_is_allowed_inside_and_calls_are_allowed_again_after_it(env: flyte.TaskEnvironment) -> None:
    @env.task
    def double(x: int) -> int:
        return 2 * x

    @flyte.trace
    def step() -> int:
        return double.forward(1)

    @flyte.trace
    def items() -> Iterator[int]:
        yield 1
        yield 2

    @env.task
    async def parent() -> list[int]:
        found = [step(), await double.aio(2)]
        for item in items():
            found.append(await double.aio(item))
        try:
            await nested()
        except TraceDoesNotAllowNestedTasksError:
            found.append(await double.aio(5))
        return found

    @flyte.trace
    async def nested() -> int:
        return await double.aio(1)

    assert flyte.run(parent).outputs().o0 == [2, 4, 2, 4, 10]
    assert step() == 2


def test_what_is_no_function_is_refused(env: flyte.TaskEnvironment) -> None:
    @env.task
    def task() -> None: ...

    with pytest.raises(TypeError, match="is a task, and recorded as one"):
        flyte.trace(task)
    with pytest.raises(TypeError, match="decorates functions"):
        flyte.trace(3)  # type: ignore[arg-type]
