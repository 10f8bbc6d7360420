"""`flyte.syncify`: async functions, generators and methods that blocking code may call."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import flyte.syncify
from flyte.syncify import syncify


@syncify
async def add(a: int, b: int = 1) -> int:
    """The sum."""
    await asyncio.sleep(0)
    return a + b


@syncify
async def count(n: int) -> AsyncIterator[int]:
    for number in range(n):
        yield number


class Scale:
    factor = 2

    @syncify
    async def times(self, x: int) -> int:
        return x * self.factor

    @syncify
    async def each(self, n: int) -> AsyncIterator[int]:
        for number in range(n):
            yield number * self.factor

    @syncify
    @classmethod
    async def of_class(cls, x: int) -> int:
        return x * cls.factor

    @syncify
    @staticmethod
    async def of_nothing(x: int) -> int:
        return x


class Double(Scale):
    factor = 4


def test_blocking_code_calls_it_and_waits() -> None:
    assert add(1, b=2) == 3
    assert list(count(3)) == [0, 1, 2]
    assert (Scale().times(3), Double().times(3), list(Double().each(3))) == (6, 12, [0, 4, 8])
    assert (Scale.of_class(1), Double.of_class(1), Double().of_class(2), Scale.of_nothing(5)) == (2, 4, 8, 5)


async def test_coroutines_await_it_on_their_own_loop() -> None:
    assert await add.aio(1) == 2
    assert [number async for number in count.aio(2)] == [0, 1]
    assert await Scale().times.aio(2) == 4
    assert [number async for number in Scale().each.aio(2)] == [0, 2]
    assert (await Double.of_class.aio(1), await Scale.of_nothing.aio(7)) == (4, 7)
    assert add(1) == 2  # in a notebook's loop, say


def test_it_keeps_name_text_and_errors() -> None:
    assert (add.__name__, add.__doc__) == ("add", "The sum.")
    with pytest.raises(TypeError):
        add("a")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes `async def` functions, and plain is none"):

        @syncify  # type: ignore[arg-type]
        def plain() -> None: ...


def test_a_blocking_call_from_inside_is_refused() -> None:
    @syncify
    async def outer() -> Any:
        return add(1)

    with pytest.raises(RuntimeError, match=r"use its \.aio"):
        outer()
    assert flyte.syncify.syncify is syncify
