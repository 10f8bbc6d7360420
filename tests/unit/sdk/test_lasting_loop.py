"""One event loop for all actions of a process."""

import asyncio
from contextvars import ContextVar

import pytest

from flyte._runtime.lasting_loop import LastingLoop, run_whole

NAME: ContextVar[str] = ContextVar("NAME", default="nobody")


async def _name() -> tuple[int, str]:
    return id(asyncio.get_running_loop()), NAME.get()


def test_all_run_on_one_loop_each_in_its_own_context() -> None:
    loop = LastingLoop()
    first, nobody = loop.run(_name())
    token = NAME.set("somebody")
    second, somebody = loop.run(_name())
    NAME.reset(token)
    assert first == second
    assert (nobody, somebody) == ("nobody", "somebody")
    loop.close()


def test_what_is_left_running_ends_with_the_action_and_what_is_held_lasts() -> None:
    held: list[asyncio.Queue[int]] = []
    ends: list[str] = []

    async def forgotten() -> None:
        try:
            await asyncio.sleep(3600.0)
        finally:
            ends.append("forgotten")

    async def fails() -> None:
        held.append(asyncio.Queue())
        held[0].put_nowait(1)
        tasks.append(asyncio.create_task(forgotten()))
        await asyncio.sleep(0)
        raise ValueError("on purpose")

    async def later() -> int:
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return await held[0].get()

    tasks: list[asyncio.Task[None]] = []
    loop = LastingLoop()
    with pytest.raises(ValueError, match="on purpose"):
        loop.run(fails())
    assert ends == ["forgotten"]
    assert loop.run(later()) == 1
    loop.close()


def test_a_loop_that_nobody_used_closes() -> None:
    LastingLoop().close()


class _Large:
    def __init__(self) -> None:
        self.written = 0

    def __repr__(self) -> str:
        self.written += 1
        return "large"


async def _large() -> _Large:
    return _Large()


def test_a_result_is_never_written_out() -> None:
    assert run_whole(_large()).written == 0
    with LastingLoop() as loop:
        assert loop.run(_large()).written == 0


def test_what_a_body_raises_is_raised() -> None:
    async def fail() -> None:
        raise KeyError("why")

    with pytest.raises(KeyError, match="why"):
        run_whole(fail())
