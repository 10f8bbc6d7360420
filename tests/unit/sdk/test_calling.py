"""What calling a task means, by where it is called from; each in a local run."""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

import flyte

ANYTHING = dict[str, int]
"""What these tests' parents say that they return."""


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="env")


@pytest.fixture
def double(env: flyte.TaskEnvironment) -> Any:
    @env.task
    def double(x: int) -> int:
        return 2 * x

    return double


@pytest.fixture
def record(env: flyte.TaskEnvironment) -> Any:
    @env.task
    def record(x: int) -> dict[str, list[int]]:
        return {"items": [x, x + 1]}

    return record


def within(env: flyte.TaskEnvironment, body: Callable[[], Any]) -> Any:
    """What `body` gives, called in an async task on its event loop."""
    kept = []

    @env.task
    async def parent() -> None:
        found = body()
        kept.append(await found if asyncio.iscoroutine(found) else found)

    flyte.run(parent)
    return kept[0]


async def test_outside_a_run_a_task_is_its_function(env: flyte.TaskEnvironment, double: Any) -> None:
    @env.task
    async def later(x: int) -> int:
        return x

    assert double(3) == 6
    assert await later(3) == 3
    assert await double.aio(3) == 6
    assert await later.aio(3) == 3
    assert double.forward(2) == 4


async def test_outside_a_run_a_failure_has_the_face_that_it_has_inside(env: flyte.TaskEnvironment) -> None:
    @env.task
    def bad() -> int:
        raise ValueError("no")

    @env.task
    def outer() -> int:
        return bad()

    for call in (bad, outer, bad.aio):
        with pytest.raises(flyte.errors.RuntimeUserError, match=r"^no$") as caught:
            found: Any = call()
            await found
        assert caught.value.code == "ValueError"


def test_a_sync_task_in_an_async_task_is_awaited_in_every_way(
    env: flyte.TaskEnvironment, double: Any
) -> None:
    async def body() -> list[int]:
        async with asyncio.TaskGroup() as tasks:
            grouped = tasks.create_task(double(6))
        awaited = [await double(1), await double.aio(2), *await asyncio.gather(double(3), double(x=4))]
        awaited += [await asyncio.create_task(double(5)), grouped.result()]
        awaited += [await item for item in asyncio.as_completed([double(7)])]
        return [*awaited, await asyncio.wait_for(double(8), 60)]

    assert within(env, body) == [2, 4, 6, 8, 10, 12, 14, 16]


def test_sync_children_called_together_run_together(env: flyte.TaskEnvironment) -> None:
    together = threading.Barrier(3, timeout=30)

    @env.task
    def come(x: int) -> int:
        together.wait()
        return x

    meet: Any = come

    async def gathered() -> list[int]:
        return list(await asyncio.gather(meet(1), meet(2), meet(3)))

    assert within(env, gathered) == [1, 2, 3]
    assert within(env, lambda: sum([meet(1), meet(2), meet(3)])) == 6


def test_a_sync_result_is_passed_on_to_other_tasks(env: flyte.TaskEnvironment, double: Any) -> None:
    @env.task
    async def total(numbers: list[int], extra: int) -> int:
        return sum(numbers) + extra

    async def body() -> list[int]:
        return [await total([double(1), double(2)], double(3)), await double(double(4))]

    assert within(env, body) == [12, 16]


def test_what_was_not_awaited_can_be_returned(env: flyte.TaskEnvironment, double: Any) -> None:
    @env.task
    async def one() -> int:
        return double(1)  # type: ignore[no-any-return]

    @env.task
    async def many() -> tuple[list[int], dict[str, int]]:
        return [double(1), double(2)], {"a": double(3)}

    assert flyte.run(one).outputs() == (2,)
    assert flyte.run(many).outputs() == ([2, 4], {"a": 6})


def test_a_call_whose_result_is_dropped_is_over_before_the_next_statement(env: flyte.TaskEnvironment) -> None:
    diary: list[str] = []

    @env.task
    def note(text: str) -> None:
        diary.append(text)

    @env.task
    def bad() -> None:
        raise ValueError("dropped")

    async def body() -> None:
        note("one")
        diary.append("between")
        note("two")
        try:
            bad()
        except flyte.errors.RuntimeUserError as error:
            diary.append(str(error))

    within(env, body)
    assert diary == ["one", "between", "two", "dropped"]


def test_a_result_that_nobody_looked_at_is_waited_for_and_its_failure_is_the_parents(
    env: flyte.TaskEnvironment,
) -> None:
    ended = threading.Event()

    @env.task
    def slow() -> int:
        ended.set()
        return 1

    @env.task
    def bad() -> int:
        raise ValueError("unseen")

    async def forgets() -> None:
        _ = slow()

    async def forgets_a_failure() -> None:
        _ = bad()

    within(env, forgets)
    assert ended.is_set()
    with pytest.raises(flyte.errors.RuntimeUserError, match="unseen"):
        within(env, forgets_a_failure)


def test_a_failure_is_raised_where_the_value_is_used(env: flyte.TaskEnvironment) -> None:
    @env.task
    def bad() -> int:
        raise KeyError("k")

    async def body() -> str:
        found = bad()
        try:
            return str(found + 1)
        except flyte.errors.RuntimeUserError as error:
            return error.code

    assert within(env, body) == "KeyError"


def test_a_cancelled_call_does_not_hang(env: flyte.TaskEnvironment) -> None:
    release = threading.Event()

    @env.task
    def wait() -> None:
        release.wait(60)

    stuck: Any = wait

    @env.task
    async def later() -> None:
        await asyncio.sleep(60)

    async def body() -> list[str]:
        calls = [asyncio.create_task(call) for call in (stuck(), stuck.aio(), later(), later.aio())]
        await asyncio.sleep(0.01)
        for call in calls:
            call.cancel()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stuck(), 0.01)
        return [type(error).__name__ for error in await asyncio.gather(*calls, return_exceptions=True)]

    async def before_it_began() -> str:
        call = asyncio.create_task(stuck())
        call.cancel()
        (error,) = await asyncio.gather(call, return_exceptions=True)
        return type(error).__name__

    try:
        assert within(env, body) == ["CancelledError"] * 4
        assert within(env, before_it_began) == "CancelledError"
    finally:
        release.set()


def test_holding_up_the_loop_never_waits_for_something_that_needs_it(env: flyte.TaskEnvironment) -> None:
    """Each level blocks its loop on a sync child, whose own async child runs on a loop of its own."""

    @env.task
    async def leaf(x: int) -> int:
        await asyncio.sleep(0)
        return x

    @env.task
    def through_run(x: int) -> int:
        return asyncio.run(leaf(x)) + 1

    @env.task
    async def blocking(x: int) -> int:
        return int(through_run(x)) + 1

    @env.task
    def through_map(x: int) -> int:
        mapped: Any = flyte.map(blocking, [x, x])
        return sum(mapped)

    @env.task
    async def parent() -> int:
        return sum([through_map(x) for x in range(5)])

    assert flyte.run(parent).outputs().o0 == sum(2 * (x + 2) for x in range(5))


def test_a_deep_chain_of_sync_tasks_does_not_run_out_of_threads(env: flyte.TaskEnvironment) -> None:
    @env.task
    def down(depth: int) -> int:
        return 0 if depth == 0 else int(down(depth - 1)) + 1

    @env.task
    async def parent() -> list[int]:
        return list(await asyncio.gather(*(down.aio(40) for _ in range(5))))

    assert flyte.run(parent).outputs().o0 == [40] * 5


def test_a_sync_task_in_a_sync_task_blocks_and_gives_the_value(
    env: flyte.TaskEnvironment, double: Any
) -> None:
    @env.task
    def parent() -> int:
        assert type(double(4)) is int
        return int(double(4)) + 1

    @env.task
    async def through_a_thread() -> int:
        return await asyncio.to_thread(lambda: double(4) + 1)

    assert flyte.run(parent).outputs().o0 == 9
    assert flyte.run(through_a_thread).outputs().o0 == 9


def test_a_group_is_the_one_that_was_open_at_the_call(env: flyte.TaskEnvironment) -> None:
    seen: dict[str, Any] = {}

    @env.task
    async def parent() -> None:
        with flyte.group("outer"):
            seen["outer"] = flyte.ctx().group_data
            with flyte.group("inner"):
                seen["inner"] = flyte.ctx().group_data
            await child()
        seen["none"] = flyte.ctx().group_data

    @env.task
    async def child() -> None:
        seen["child"] = flyte.ctx().group_data

    flyte.run(parent)
    assert {name: data and data.name for name, data in seen.items()} == {
        "outer": "outer",
        "inner": "inner",
        "none": None,
        "child": None,
    }


def test_a_group_needs_a_name() -> None:
    with pytest.raises(ValueError, match="needs a name"), flyte.group(""):
        pass


def test_arguments_that_do_not_fit_are_refused_in_the_parent(env: flyte.TaskEnvironment, double: Any) -> None:
    def body() -> None:
        for call, message in (
            (lambda: double(1, 2), r"Too many positional arguments provided: env.double takes 1, got 2"),
            (lambda: double(), r"Missing required inputs: x"),
            (lambda: double(1, x=2), r"'x' of env.double is given twice"),
            (lambda: double(y=1), r"env.double has no input 'y': there is 'x'"),
        ):
            with pytest.raises(ValueError, match=message):
                call()
        with pytest.raises(TypeError, match="Type conversion failed for variable 'x'"):
            double("text")

    within(env, body)


def test_the_custom_context_goes_down_to_all_that_is_called_within(env: flyte.TaskEnvironment) -> None:
    @env.task
    def leaf() -> dict[str, str]:
        context = flyte.ctx()
        assert dict(context.custom_context or {}) == flyte.get_custom_context()
        return flyte.get_custom_context()

    @env.task
    async def middle() -> dict[str, str]:
        with flyte.custom_context(deep="3"):
            return await leaf()  # type: ignore[misc,no-any-return]

    @env.task
    async def parent() -> list[dict[str, str]]:
        with flyte.custom_context(a="1", b="1"):
            with flyte.custom_context(b="2"):
                called_inside = middle()
            return [flyte.get_custom_context(), await called_inside, await leaf()]  # type: ignore[misc]

    with flyte.custom_context(run="0"):
        run = flyte.run(parent)
    assert run.outputs().o0 == [
        {"run": "0", "a": "1", "b": "1"},
        {"run": "0", "a": "1", "b": "2", "deep": "3"},
        {"run": "0", "a": "1", "b": "1"},
    ]
    assert flyte.get_custom_context() == {}
    with pytest.raises(TypeError, match="maps names to strings"), flyte.custom_context(a=1):  # type: ignore[arg-type]
        pass


def test_the_context_is_full_and_what_means_nothing_is_none(env: flyte.TaskEnvironment) -> None:
    @env.task
    async def look() -> None:
        context = flyte.ctx()
        assert context.action is not None
        assert (context.action.name, context.action.org, context.mode) == ("a0", None, "local")
        assert (context.attempt_number, context.version, context.group_data) == (0, "", None)
        assert (context.code_bundle, context.rank, context.output_path) == (None,) * 3
        assert context.raw_data_path is not None
        assert context.raw_data_path.get_random_remote_path("a.txt").endswith("/a.txt")
        assert context.data == {}
        assert context.run_start_time is not None
        assert context.is_in_cluster() is False
        assert context.replace(version="v1").version == "v1"
        assert os.environ["FLYTE_ATTEMPT_NUMBER"] == "0"

    flyte.run(look)
    assert "FLYTE_ATTEMPT_NUMBER" not in os.environ


def test_outside_a_run_the_context_is_false_and_empty() -> None:
    context = flyte.ctx()
    assert not context
    assert context.action is None
    assert context.attempt_number is None
