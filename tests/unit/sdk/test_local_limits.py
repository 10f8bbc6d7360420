"""What an action of a local run may cost, and what ends with it: budgets, times, places, children."""

import asyncio
import threading

import pytest

import flyte
from flyte import errors
from flyte._happenings import Happenings
from flyte._local import LocalOptions, run_here
from flyte_schemas.phase import ActionPhase


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="env")


def test_the_fourth_loss_in_a_row_is_the_end_and_no_parent_is_tried_again_for_it(
    env: flyte.TaskEnvironment,
) -> None:
    tried: list[str] = []

    @env.task
    async def lost() -> None:
        tried.append("lost")
        raise errors.RuntimeSystemError("Lost", "gone")

    @env.task(retries=3)
    async def parent() -> None:
        tried.append("parent")
        await lost()

    with pytest.raises(errors.RuntimeSystemError, match=r"Lost: gone .*4 times in a row") as caught:
        flyte.run(parent)
    assert caught.value.code == "MaxSystemFailuresExceeded"
    assert tried == ["parent", "lost", "lost", "lost", "lost"]


@pytest.mark.parametrize("is_sync", [False, True])
def test_no_attempt_begins_past_the_deadline(env: flyte.TaskEnvironment, is_sync: bool) -> None:
    def fail() -> None:
        raise ValueError("at once")

    async def fail_async() -> None:
        fail()

    declare = env.task(
        timeout=flyte.Timeout(deadline=0.05),
        retries=flyte.RetryStrategy(10**6, flyte.Backoff(base=0.001)),
    )
    task = declare(fail) if is_sync else declare(fail_async)
    with pytest.raises(errors.TaskTimeoutError, match=r"deadline of 0\.05 s"):
        flyte.run(task)


@pytest.mark.parametrize("is_sync", [False, True])
def test_no_pause_outlasts_the_deadline(env: flyte.TaskEnvironment, is_sync: bool) -> None:
    def fail() -> None:
        raise ValueError("at once")

    async def fail_async() -> None:
        fail()

    declare = env.task(
        timeout=flyte.Timeout(deadline=0.05), retries=flyte.RetryStrategy(1, flyte.Backoff(base=10**6))
    )
    task = declare(fail) if is_sync else declare(fail_async)
    with pytest.raises(errors.TaskTimeoutError, match=r"deadline of 0\.05 s"):
        flyte.run(task)


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (flyte.Timeout(max_queued_time=0.02), r"waited longer than 0\.02 s for a place"),
        (flyte.Timeout(deadline=0.02), r"deadline of 0\.02 s"),
    ],
)
@pytest.mark.parametrize("is_sync", [False, True])
def test_a_place_is_not_waited_for_beyond_the_tasks_times(
    env: flyte.TaskEnvironment, limit: flyte.Timeout, message: str, is_sync: bool
) -> None:
    began: list[str] = []
    enough = threading.Event()

    @env.task
    def busy() -> None:
        enough.wait(60)

    def late() -> None:
        began.append("late")

    async def late_async() -> None:
        began.append("late")

    declare = env.task(timeout=limit, retries=flyte.RetryStrategy(2, flyte.Backoff(base=0.001)))
    impatient = declare(late) if is_sync else declare(late_async)

    @env.task
    async def main() -> str:
        call = asyncio.ensure_future(busy.aio())
        await asyncio.sleep(0)
        try:
            await impatient.aio()
        except errors.TaskTimeoutError as error:
            return str(error)
        finally:
            enough.set()
            await call
        return "it had a place"

    happenings = Happenings()
    options = LocalOptions(name="r", project="p", domain="d", happenings=happenings, max_action_concurrency=1)
    run = run_here(main, {}, options)
    said = run.outputs()[0]
    assert began == []
    with pytest.raises(errors.TaskTimeoutError, match=message):
        raise errors.TaskTimeoutError(said)
    phases = happenings.look(lambda fold: {s.task_name: s.phase for _, s in fold.actions.items()})
    assert phases[impatient.name] is ActionPhase.TIMED_OUT
    assert phases["env.main"] is ActionPhase.SUCCEEDED


@pytest.mark.parametrize("how", ["returns", "raises", "returns at once"])
def test_an_action_that_ends_takes_its_children_with_it(env: flyte.TaskEnvironment, how: str) -> None:
    heard: list[str] = []

    @env.task
    async def child() -> None:
        heard.append("began")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    @env.task
    async def parent() -> None:
        call = asyncio.create_task(child())
        if how != "returns at once":
            while "began" not in heard:
                await asyncio.sleep(0)
        assert not call.done()
        if how == "raises":
            raise ValueError("no more")

    @env.task
    async def main() -> list[str]:
        try:
            await parent()
        except errors.RuntimeUserError:
            heard.append("failed")
        for _ in range(10):
            await asyncio.sleep(0)
        return heard

    expected = {
        "returns": {"began", "cancelled"},
        "raises": {"began", "cancelled", "failed"},
        "returns at once": set(),
    }
    assert set(flyte.run(main).outputs()[0]) == expected[how]


def test_a_child_that_is_waited_for_elsewhere_is_not_given_up(env: flyte.TaskEnvironment) -> None:
    @env.task
    async def child(x: int) -> int:
        await asyncio.sleep(0.01)
        return x

    @env.task
    async def parent(x: int) -> int:
        return await child(x)

    @env.task
    async def main() -> list[int]:
        return await asyncio.gather(*(parent(x) for x in range(3)))

    assert flyte.run(main).outputs()[0] == [0, 1, 2]


@pytest.mark.parametrize("is_raised", [False, True])
def test_whose_time_is_over_has_run_too_long_whatever_it_makes_of_that(
    env: flyte.TaskEnvironment, is_raised: bool
) -> None:
    tried: list[int] = []

    @env.task(timeout=0.01, retries=flyte.RetryStrategy(1, flyte.Backoff(base=0.001)))
    async def deaf() -> str:
        tried.append(1)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if is_raised:
                raise ValueError("while it cleaned up") from None
        return "a value"

    with pytest.raises(errors.TaskTimeoutError, match=r"longer than its timeout of 0\.01 s"):
        flyte.run(deaf)
    assert tried == [1, 1]
