"""What calling a task means, by where it is called from."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import flyte
from flyte._runtime import controller, group
from flyte._task import Task


class Recorder:
    """A controller that runs the function here and keeps what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], str | None]] = []

    async def call(self, task: Task[..., Any], inputs: dict[str, Any]) -> Any:
        self.calls.append((task.name, inputs, group.current()))
        await asyncio.sleep(0)
        return task.func(**inputs)

    def call_blocking(self, task: Task[..., Any], inputs: dict[str, Any]) -> Any:
        self.calls.append((task.name, inputs, group.current()))
        return task.func(**inputs)


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="env")


@pytest.fixture
def double(env: flyte.TaskEnvironment) -> Task[[int], int]:
    @env.task
    def double(x: int) -> int:
        return 2 * x

    return double


async def test_outside_a_run_a_task_is_its_function(env: flyte.TaskEnvironment, double: Any) -> None:
    @env.task
    async def later(x: int) -> int:
        return x

    assert double(3) == 6
    assert await later(3) == 3
    assert await double.aio(3) == 6
    assert await later.aio(3) == 3
    assert double.forward(2) == 4


async def test_a_sync_task_in_an_async_task_is_awaited(double: Any) -> None:
    recorder = Recorder()
    with controller.use(recorder):
        assert await double(1) == 2
        assert await double.aio(2) == 4
        assert await asyncio.gather(double(3), double(x=4)) == [6, 8]
        assert await asyncio.create_task(double(5)) == 10
        async with asyncio.TaskGroup() as tasks:
            sixth = tasks.create_task(double(6))
        assert sixth.result() == 12
        assert [await item for item in asyncio.as_completed([double(7)])] == [14]
    assert [call[1]["x"] for call in recorder.calls] == [1, 2, 3, 4, 5, 6, 7]


async def test_a_pending_result_starts_at_once(double: Any) -> None:
    recorder = Recorder()
    with controller.use(recorder):
        pending = double(1)
        await asyncio.sleep(0.01)
        assert len(recorder.calls) == 1
        assert await pending == 2
        assert await pending == 2


async def test_a_pending_result_can_be_cancelled(double: Any) -> None:
    class Slow(Recorder):
        async def call(self, task: Task[..., Any], inputs: dict[str, Any]) -> Any:
            await asyncio.sleep(60)

    with controller.use(Slow()):
        pending, wrapped = double(1), asyncio.create_task(double(2))
        await asyncio.sleep(0)
        pending.cancel()
        wrapped.cancel()
        for awaitable in (pending, wrapped):
            with pytest.raises(asyncio.CancelledError):
                await awaitable


@pytest.mark.parametrize(
    "use",
    [
        lambda pending: pending + 1,
        lambda pending: 1 + pending,
        lambda pending: pending.key,
        lambda pending: pending["key"],
        lambda pending: bool(pending),
        lambda pending: list(pending),
        lambda pending: str(pending),
        lambda pending: f"{pending}",
        lambda pending: pending == 2,
        lambda pending: pending < 2,
        lambda pending: len(pending),
        lambda pending: int(pending),
        lambda pending: -pending,
    ],
)
async def test_using_a_pending_result_as_a_value_says_to_await_it(
    double: Any, use: Callable[[Any], Any]
) -> None:
    with controller.use(Recorder()):
        pending = double(1)
        with pytest.raises(TypeError, match="await double"):
            use(pending)
        assert repr(pending) == "<pending result of env.double>"
        assert await pending == 2


async def test_a_sync_task_in_a_sync_task_blocks_and_gives_the_value(double: Any) -> None:
    recorder = Recorder()
    with controller.use(recorder):
        assert await asyncio.to_thread(lambda: double(4) + 1) == 9
    assert recorder.calls == [("env.double", {"x": 4}, None)]


async def test_a_group_is_the_one_that_was_open_at_the_call(double: Any) -> None:
    recorder = Recorder()
    with controller.use(recorder):
        with flyte.group("outer"):
            with flyte.group("inner"):
                first = double.aio(1)
            second = double(2)
        await asyncio.gather(first, second, double(3))
    assert {call[1]["x"]: call[2] for call in recorder.calls} == {1: "inner", 2: "outer", 3: None}


def test_a_group_needs_a_name() -> None:
    with pytest.raises(ValueError, match="needs a name"), flyte.group(""):
        pass


async def test_arguments_that_do_not_fit_are_refused_in_the_parent(double: Any) -> None:
    with controller.use(Recorder()):
        for call, message in (
            (lambda: double(1, 2), r"Too many positional arguments provided: env.double takes 1, got 2"),
            (lambda: double(), r"Missing required inputs: x"),
            (lambda: double(1, x=2), r"'x' of env.double is given twice"),
            (lambda: double(y=1), r"env.double has no input 'y': there is 'x'"),
        ):
            with pytest.raises(ValueError, match=message):
                call()


def test_outside_a_run_the_context_is_false_and_empty() -> None:
    context = flyte.ctx()
    assert not context
    assert context.action is None
    assert context.attempt_number is None
