"""On which event loop our own processes run."""

import asyncio

import pytest

from flyte_bus import event_loop


async def _loop_module() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_it_is_the_fast_one_where_that_is_installed() -> None:
    pytest.importorskip("uvloop")
    assert event_loop.run(_loop_module()).partition(".")[0] == "uvloop"


def test_what_the_coroutine_raises_is_raised() -> None:
    async def fail() -> None:
        raise KeyError("here")

    with pytest.raises(KeyError, match="here"):
        event_loop.run(fail())
