"""A task that is tried again gets what its steps gave before, and none runs twice."""

import asyncio
import dataclasses
from typing import Any

import pytest

import flyte
from flyte.errors import NonRecoverableError, RuntimeUserError
from testkit.tried_twice import AGAIN, Env, tried_twice


@pytest.fixture
def env() -> Env:
    return flyte.TaskEnvironment(name="env")


@pytest.fixture
def ran() -> list[Any]:
    """What has really run."""
    return []


@dataclasses.dataclass
class Point:
    x: int
    y: float


class Odd:
    """A class that no codec knows."""

    def __init__(self, x: int) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Odd) and other.x == self.x


class Fatal(NonRecoverableError):
    """A user's own."""


def test_a_step_that_succeeded_does_not_run_again(env: Env, ran: list[Any]) -> None:
    @flyte.trace
    def step(x: int, y: int = 1, *more: int, **named: int) -> int:
        ran.append(x)
        return x + y + sum(more) + sum(named.values())

    @flyte.trace
    async def later(x: int) -> int:
        ran.append(x)
        await asyncio.sleep(0)
        return -x

    async def in_async_task() -> list[int]:
        in_thread = await asyncio.to_thread(step, 6)
        return [
            step(1),
            step(2, 3, 4, z=5),
            await later(3),
            *await asyncio.gather(later(4), later(5)),
            in_thread,
        ]

    first, second = tried_twice(env, lambda: [step(1), step(2, 3, 4, z=5)])
    assert (first, ran) == (second, [1, 2])
    assert first == [2, 14]
    ran.clear()
    first, second = tried_twice(env, in_async_task)
    assert first == second == [2, 14, -3, -4, -5, 7]
    assert sorted(ran) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "value",
    [None, 3, "ü", b"\x00", 1.5, float("inf"), [1, {"a": None}], (1, "a"), {1, 2}, Point(1, 2.0), Odd(7)],
)
def test_any_value_is_given_again(env: Env, ran: list[Any], value: Any) -> None:
    @flyte.trace
    def step(value):  # type: ignore[no-untyped-def]
        ran.append(value)
        return value

    first, second = tried_twice(env, lambda: step(value))
    assert (first, second, type(second), ran) == (value, value, type(value), [value])


def test_annotations_say_how_values_travel_and_do_not_forbid_others(env: Env, ran: list[Any]) -> None:
    @flyte.trace
    def point(x: int) -> Point:
        ran.append(x)
        return Point(x, 0.5)

    @flyte.trace
    def not_as_it_says(x: "Unknown") -> int:  # type: ignore[name-defined]  # noqa: F821
        ran.append(x)
        return "text"  # type: ignore[return-value]

    @flyte.trace
    def neither(x: int) -> int:
        ran.append(x)
        return "text"  # type: ignore[return-value]

    wanted = [Point(1, 0.5), "text", "text"]
    assert tried_twice(env, lambda: [point(1), not_as_it_says("a"), neither("b")]) == [wanted, wanted]  # type: ignore[arg-type]
    assert ran == [1, "a", "b"]


def test_identical_calls_are_told_apart_and_groups_count(env: Env, ran: list[Any]) -> None:
    @flyte.trace
    def number() -> int:
        ran.append(None)
        return len(ran)

    def body() -> list[int]:
        found = [number(), number()]
        with flyte.group("g"):
            found.append(number())
        return [*found, number()]

    assert tried_twice(env, body) == [[1, 2, 3, 4], [1, 2, 3, 4]]


def test_steps_within_a_step_have_names_of_their_own(env: Env, ran: list[Any]) -> None:
    @flyte.trace
    def inner(x: int) -> int:
        ran.append(x)
        return len(ran)

    @flyte.trace
    def outer(fails: bool) -> int:
        found = inner(0)
        if fails and len(ran) < 2:
            raise ValueError("after the inner step")
        return found

    def body() -> list[int]:
        try:
            found = outer(True)
        except ValueError:
            found = -1
        return [found, outer(False), inner(0)]

    # The failed outer step runs again, and takes its inner step from the record.
    assert tried_twice(env, body) == [[-1, 2, 3], [1, 2, 3]]
    assert len(ran) == 3


def test_an_error_that_may_go_away_is_tried_again(env: Env, ran: list[Any]) -> None:
    @flyte.trace
    def step() -> int:
        ran.append(None)
        if len(ran) < 3:
            raise ConnectionError("not now")
        return len(ran)

    @env.task(retries=AGAIN)
    def parent() -> int:
        return step()

    assert flyte.run(parent).outputs().o0 == 3


@pytest.mark.parametrize("kind", [NonRecoverableError, Fatal])
def test_an_error_that_is_for_good_is_raised_again(
    env: Env, ran: list[Any], kind: type[NonRecoverableError]
) -> None:
    @flyte.trace
    def step() -> None:
        ran.append(None)
        raise kind("never", code="Never")

    def body() -> tuple[type, str, str]:
        try:
            step()
        except NonRecoverableError as error:
            return type(error), error.code, str(error)
        raise AssertionError("it was to raise")

    assert tried_twice(env, body) == [(kind, "Never", "never")] * 2
    assert len(ran) == 1


def test_an_error_that_cannot_be_pickled_is_told_by_its_code(env: Env, ran: list[Any]) -> None:
    class Local(NonRecoverableError):
        def __init__(self) -> None:
            super().__init__("never", "Local")
            self.lock = (one for one in ())

    @flyte.trace
    def step() -> None:
        ran.append(None)
        raise Local

    def body() -> tuple[str, str]:
        try:
            step()
        except NonRecoverableError as error:
            return error.code, str(error)
        raise AssertionError("it was to raise")

    assert tried_twice(env, body) == [("Local", "never")] * 2
    assert len(ran) == 1


def test_a_step_that_was_cancelled_is_not_over(env: Env, ran: list[Any]) -> None:
    @flyte.trace
    async def step() -> int:
        ran.append(None)
        if len(ran) == 1:
            await asyncio.Event().wait()
        return len(ran)

    async def body() -> int:
        try:
            async with asyncio.timeout(0.01 if not ran else None):
                return await step()
        except TimeoutError:
            return -1

    assert tried_twice(env, body) == [-1, 2]


@pytest.mark.parametrize("where", ["argument", "value"])
def test_what_cannot_be_written_down_is_refused_with_a_word_of_what_to_do(env: Env, where: str) -> None:
    @flyte.trace
    def step(x: Any) -> Any:
        return (one for one in ())

    @env.task
    def parent() -> None:
        step((one for one in ()) if where == "argument" else 1)

    said = "its argument 'x' is a generator" if where == "argument" else "what it returned is a generator"
    with pytest.raises(RuntimeUserError, match=f"record .*step: {said}.*make the rest inside") as caught:
        flyte.run(parent)
    assert caught.value.code == "TypeError"


def test_arguments_that_do_not_fit_are_refused_as_ever(env: Env) -> None:
    @flyte.trace
    def step(x: int) -> int:
        return x

    @env.task
    def parent() -> None:
        step(y=1)  # type: ignore[call-arg]

    with pytest.raises(RuntimeUserError, match="missing a required argument: 'x'") as caught:
        flyte.run(parent)
    assert caught.value.code == "TypeError"


def test_each_run_has_steps_of_its_own(env: Env, ran: list[Any]) -> None:
    @flyte.trace
    def step() -> int:
        ran.append(None)
        return len(ran)

    @env.task
    def child() -> int:
        return step()

    @env.task
    def parent() -> list[int]:
        return [child(), child()]

    assert flyte.run(parent).outputs().o0 == [1, 2]
    assert (flyte.run(child).outputs().o0, step(), step()) == (3, 4, 5)
