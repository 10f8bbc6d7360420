"""Local runs: the same meaning as on the stack, in this process."""

import asyncio
import functools
import os
import sys
import threading
from typing import Any

import pytest

import flyte
from flyte import _local_attempt


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_local_attempt, "LOCAL_RETRY_DELAY_S", 0.0)


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="env", env_vars={"FROM_ENV": "env", "BOTH": "env"})


def test_a_run_without_a_client_is_local_and_over(env: flyte.TaskEnvironment) -> None:
    @env.task
    async def greet(name: str, times: int = 1) -> str:
        return f"Hello, {name}!" * times

    run = flyte.with_runcontext(name="mine").run(greet, "World")
    assert (run.name, run.url, run.status) == ("mine", "local://runs/mine", "SUCCEEDED")
    assert run.phase is flyte.ActionPhase.SUCCEEDED
    run.wait()
    assert run.done() is True
    outputs = run.outputs()
    assert outputs.o0 == outputs[0] == "Hello, World!"
    assert str(outputs) == 'ActionOutputs(o0="Hello, World!")'
    assert outputs.named_outputs == {"o0": "Hello, World!"}


def test_two_outputs_and_none(env: flyte.TaskEnvironment) -> None:
    @env.task
    def two() -> tuple[int, str]:
        return 1, "a"

    @env.task
    def none() -> None: ...

    assert str(flyte.run(two).outputs()) == 'ActionOutputs(o0=1, o1="a")'
    assert str(flyte.run(none).outputs()) == "ActionOutputs(o0=None)"


def test_every_combination_of_sync_and_async_works(env: flyte.TaskEnvironment) -> None:
    @env.task
    def sync_leaf(x: int) -> int:
        return x + 1

    @env.task
    async def async_leaf(x: int) -> int:
        return x + 2

    @env.task
    def sync_parent(x: int) -> int:
        return sync_leaf(x) + asyncio.run(async_leaf(x))

    @env.task
    async def async_parent(x: int) -> int:
        first = await sync_leaf(x)  # type: ignore[misc]
        second, third = await asyncio.gather(async_leaf(x), sync_parent.aio(x))
        return first + second + third

    assert flyte.run(sync_parent, 1).outputs().o0 == 2 + 3
    assert flyte.run(async_parent, 1).outputs().o0 == 2 + 3 + 5


def test_many_sync_children_run_side_by_side_and_do_not_deadlock(env: flyte.TaskEnvironment) -> None:
    together = threading.Barrier(3, timeout=30)

    @env.task
    def leaf(x: int) -> int:
        if x < 3:
            together.wait()
        return x

    @env.task
    def middle(x: int) -> int:
        return leaf(x)

    @env.task
    async def parent(n: int) -> int:
        return sum(await asyncio.gather(*(middle.aio(x) for x in range(n))))

    assert flyte.run(parent, 200).outputs().o0 == sum(range(200))


def test_children_get_copies_as_on_the_stack(env: flyte.TaskEnvironment) -> None:
    @env.task
    async def spoil(values: list[int]) -> list[int]:
        values.append(99)
        return values

    @env.task
    async def parent() -> tuple[list[int], list[int]]:
        mine = [1]
        return mine, await spoil(mine)

    assert flyte.run(parent).outputs() == ([1], [1, 99])


def test_a_failure_is_raised_with_the_code_of_its_exception(env: flyte.TaskEnvironment) -> None:
    @env.task
    async def bad() -> int:
        raise KeyError("nope")

    @env.task
    async def parent() -> str:
        try:
            await bad()
        except flyte.errors.RuntimeUserError as error:
            return f"{error.code} {error}"
        return "nothing"

    with pytest.raises(flyte.errors.RuntimeUserError) as caught:
        flyte.run(bad)
    assert caught.value.code == "KeyError"
    assert caught.value.failure is not None
    assert flyte.run(parent).outputs().o0 == "KeyError 'nope'"


@pytest.mark.parametrize("kind", ["sync", "async", "forgotten"])
def test_sys_exit_is_a_failure_and_never_a_hang(env: flyte.TaskEnvironment, kind: str) -> None:
    @env.task
    def sync() -> None:
        sys.exit(3)

    @env.task(short_name="async")
    async def asynchronous() -> None:
        sys.exit(3)

    @env.task
    async def forgotten() -> None:
        async def leave() -> None:
            sys.exit(3)

        tasks = [asyncio.create_task(leave())]
        await asyncio.sleep(60)
        del tasks

    task: Any = {"sync": sync, "async": asynchronous, "forgotten": forgotten}[kind]
    with pytest.raises(flyte.errors.RuntimeUserError) as caught:
        flyte.run(task)
    assert caught.value.code == "SystemExit"


def test_retries_are_honoured_and_counted(env: flyte.TaskEnvironment) -> None:
    seen: list[int | None] = []

    @env.task(retries=2)
    async def flaky() -> int:
        seen.append(flyte.ctx().attempt_number)
        if len(seen) < 3:
            raise ValueError("again")
        return len(seen)

    assert flyte.run(flaky).outputs().o0 == 3
    assert seen == [0, 1, 2]


def test_a_non_recoverable_error_is_not_retried(env: flyte.TaskEnvironment) -> None:
    seen: list[int] = []

    @env.task(retries=5)
    def stubborn() -> None:
        seen.append(1)
        raise flyte.errors.NonRecoverableError("no use")

    with pytest.raises(flyte.errors.RuntimeUserError, match="no use"):
        flyte.run(stubborn)
    assert seen == [1]


def test_the_pauses_between_attempts_are_those_of_the_backoff(
    env: flyte.TaskEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("flyte._local.time.sleep", pauses.append)

    @env.task(retries=flyte.RetryStrategy(3, backoff=flyte.Backoff(base=1, factor=3, cap=5)))
    def bad() -> None:
        raise ValueError("no")

    with pytest.raises(flyte.errors.RuntimeUserError, match="no"):
        flyte.run(bad)
    assert pauses == [1.0, 3.0, 5.0]


def test_the_platforms_failures_have_a_budget_of_their_own(env: flyte.TaskEnvironment) -> None:
    seen: list[int | None] = []

    @env.task
    async def lost() -> None:
        seen.append(flyte.ctx().attempt_number)
        raise flyte.errors.RuntimeSystemError("Lost", "gone")

    with pytest.raises(flyte.errors.RuntimeSystemError, match="gone"):
        flyte.run(lost)
    assert seen == [0, 1, 2, 3]


def test_past_its_deadline_a_task_is_not_tried_again(env: flyte.TaskEnvironment) -> None:
    seen: list[int] = []

    @env.task(retries=5, timeout=flyte.Timeout(deadline=0.05))
    async def slow() -> None:
        seen.append(1)
        await asyncio.sleep(60)

    with pytest.raises(flyte.errors.TaskTimeoutError, match=r"deadline of 0\.05 s"):
        flyte.run(slow)
    assert seen == [1]


def test_a_sync_task_that_runs_too_long_is_left_behind(env: flyte.TaskEnvironment) -> None:
    release = threading.Event()

    @env.task(timeout=0.05)
    def slow() -> None:
        release.wait(60)

    with pytest.raises(flyte.errors.TaskTimeoutError):
        flyte.run(slow)
    release.set()


def test_a_timeout_ends_an_attempt(env: flyte.TaskEnvironment) -> None:
    @env.task(timeout=0.05)
    async def slow() -> None:
        await asyncio.sleep(60)

    @env.task(timeout=60)
    async def raises() -> None:
        raise TimeoutError("the user's own")

    with pytest.raises(flyte.errors.TaskTimeoutError, match=r"longer than its timeout of 0\.05 s"):
        flyte.run(slow)
    with pytest.raises(flyte.errors.RuntimeUserError) as caught:
        flyte.run(raises)
    assert caught.value.code == "TimeoutError"


def test_environment_variables_are_there_during_the_run_only(env: flyte.TaskEnvironment) -> None:
    @env.task
    def read() -> dict[str, str]:
        return {name: os.environ[name] for name in ("FROM_ENV", "BOTH", "FROM_RUN")}

    runner = flyte.with_runcontext(env_vars={"FROM_RUN": "run", "BOTH": "run"})
    assert runner.run(read).outputs().o0 == {"FROM_ENV": "env", "BOTH": "run", "FROM_RUN": "run"}
    assert "FROM_ENV" not in os.environ


def test_the_context_says_where_the_code_runs(env: flyte.TaskEnvironment) -> None:
    @env.task
    async def who() -> list[str | None]:
        context = flyte.ctx()
        assert context.action
        return [context.action.name, context.action.run_name, context.mode, flyte.current_domain()]

    @env.task
    async def parent() -> list[str | None]:
        return await who()

    runner = flyte.with_runcontext(name="r1", domain="staging")
    assert runner.run(who).outputs().o0 == ["a0", "r1", "local", "staging"]
    assert runner.run(parent).outputs().o0 == ["a1", "r1", "local", "staging"]


async def test_a_local_run_works_beside_a_running_event_loop(env: flyte.TaskEnvironment) -> None:
    @env.task
    async def one() -> int:
        return 1

    assert flyte.run(one).outputs().o0 == 1
    run = await flyte.run.aio(one)
    assert (await run.outputs.aio()).o0 == 1


def test_inputs_that_do_not_fit_are_refused_before_anything_runs(env: flyte.TaskEnvironment) -> None:
    @env.task
    async def never(x: int) -> None:
        raise AssertionError("it ran")

    with pytest.raises(TypeError, match="Type conversion failed for variable 'x'"):
        flyte.run(never, "three")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Missing required inputs: x"):
        flyte.run(never)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Only Flyte tasks can be run"):
        flyte.run(print)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"a call of env.never, not the task: pass the task and its inputs"):
        flyte.run(never(1))  # type: ignore[arg-type]


def test_a_call_that_was_not_awaited_is_told_when_it_is_passed_on(env: flyte.TaskEnvironment) -> None:
    @env.task
    async def one(x: int) -> int:
        return x

    @env.task
    async def main() -> int:
        inner = one(1)
        try:
            return await one(inner)  # type: ignore[arg-type]
        finally:
            inner.close()

    with pytest.raises(flyte.errors.RuntimeUserError, match="Reason: it was not awaited"):
        flyte.run(main)


def test_what_a_run_context_cannot_do_yet_says_so() -> None:
    with pytest.raises(NotImplementedError, match="tracked"):
        flyte.with_runcontext(tracked=True)
    with pytest.raises(NotImplementedError, match="mode 'hybrid'"):
        flyte.with_runcontext(mode="hybrid")
    with pytest.raises(ValueError, match="run name 'a b'"):
        flyte.with_runcontext(name="a b")


def test_a_plain_decorator_around_an_async_task_and_positions_work(env: flyte.TaskEnvironment) -> None:
    def announced(func: Any) -> Any:
        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return func(*args, **kwargs)

        return wrapper

    @env.task
    @announced
    async def double(x: int) -> int:
        await asyncio.sleep(0)
        return x * 2

    @env.task
    def minus(x: int, /, y: int) -> int:
        return x - y

    @env.task
    async def main() -> list[int]:
        return [await double(2), await minus(5, y=2)]

    assert flyte.run(main).outputs()[0] == [4, 3]
    assert flyte.run(minus, 5, 1).outputs()[0] == 4


@pytest.mark.parametrize("is_async", [True, False])
def test_whatever_a_task_raises_is_a_failure_as_on_the_stack(
    env: flyte.TaskEnvironment, is_async: bool
) -> None:
    class Own(BaseException):
        pass

    def work() -> None:
        raise Own("enough")

    async def work_aio() -> None:
        work()

    with pytest.raises(flyte.errors.RuntimeUserError, match="enough") as caught:
        flyte.run(env.task(work_aio if is_async else work))
    assert caught.value.code == "Own"
