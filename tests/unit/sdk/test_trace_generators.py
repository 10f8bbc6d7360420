"""A traced generator is recorded item by item, and what came to its end is not run again."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest

import flyte
from flyte.errors import NonRecoverableError
from testkit.tried_twice import Env, tried_twice


@pytest.fixture
def env() -> Env:
    return flyte.TaskEnvironment(name="env")


@pytest.fixture
def ran() -> list[Any]:
    """What has really run."""
    return []


def generators(ran: list[Any]) -> tuple[Callable[[int], Iterator[int]], Callable[[int], AsyncIterator[int]]]:
    @flyte.trace
    def items(n: int) -> Generator[int, None, str]:
        for number in range(n):
            ran.append(number)
            yield number
        return "end"

    @flyte.trace
    async def items_later(n: int) -> AsyncIterator[int]:
        for number in range(n):
            ran.append(number)
            yield number

    return items, items_later


def test_a_generator_that_came_to_its_end_does_not_run_again(env: Env, ran: list[Any]) -> None:
    items, items_later = generators(ran)

    def whole() -> Generator[int, None, str]:
        end = yield from items(3)  # type: ignore[misc]
        assert end == "end"
        return end  # type: ignore[no-any-return]

    async def body() -> list[int]:
        return [number async for number in items_later(3)]

    assert tried_twice(env, lambda: list(whole())) == [[0, 1, 2]] * 2
    assert ran == [0, 1, 2]
    ran.clear()
    assert tried_twice(env, body) == [[0, 1, 2]] * 2
    assert ran == [0, 1, 2]


def test_a_generator_that_was_left_begins_anew(env: Env, ran: list[Any]) -> None:
    items, items_later = generators(ran)

    def body() -> int:
        for number in items(5):
            if number == 1 and len(ran) == 2:
                return number
        return -1

    async def body_aio() -> int:
        async for number in items_later(5):
            if number == 1 and len(ran) == 2:
                return number
        return -1

    assert tried_twice(env, body) == [1, -1]
    assert ran == [0, 1, 0, 1, 2, 3, 4]
    ran.clear()
    assert tried_twice(env, body_aio) == [1, -1]


def test_a_generator_that_begins_anew_may_give_other_items(env: Env, ran: list[Any]) -> None:
    @flyte.trace
    def words() -> Iterator[str]:
        ran.append(None)
        yield "the"
        yield "quick" if len(ran) == 1 else "slow"
        if len(ran) == 1:
            raise ConnectionError("lost")
        yield "fox"

    @env.task(retries=flyte.RetryStrategy(count=3, backoff=flyte.Backoff(base=0)))
    def parent() -> list[str]:
        found = list(words())
        if flyte.ctx().attempt_number == 1:
            raise ConnectionError("lost again")
        return found

    assert flyte.run(parent).outputs().o0 == ["the", "slow", "fox"]
    assert len(ran) == 2


def test_a_generator_that_failed_for_good_gives_its_items_and_its_error_again(
    env: Env, ran: list[Any]
) -> None:
    @flyte.trace
    async def items() -> AsyncIterator[int]:
        ran.append(None)
        yield 1
        raise NonRecoverableError("no more")

    async def body() -> list[Any]:
        found: list[Any] = []
        try:
            async for item in items():
                found.append(item)
        except NonRecoverableError as error:
            found.append(str(error))
        return found

    assert tried_twice(env, body) == [[1, "no more"]] * 2
    assert len(ran) == 1


def test_what_is_sent_and_thrown_has_the_same_answer_again(env: Env, ran: list[Any]) -> None:
    @flyte.trace
    def echo() -> Generator[str, str, None]:
        heard = "nothing"
        for _ in range(3):
            try:
                ran.append(heard)
                heard = yield heard
            except KeyError:
                heard = "thrown"

    def body() -> list[str]:
        steps = echo()
        found = [next(steps), steps.send("a"), steps.throw(KeyError())]
        assert next(steps, "over") == "over"
        return found

    assert tried_twice(env, body) == [["nothing", "a", "thrown"]] * 2
    assert ran == ["nothing", "a", "thrown"]
