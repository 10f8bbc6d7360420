"""Environments that a run deploys because the code of its tasks names their tasks."""

import functools
from pathlib import Path

import flyte
from flyte._called import with_called
from flyte._loading import load_file

CALLING = """
import functools
import flyte
import lib

top, one, two, three, four, other = (
    flyte.TaskEnvironment(name=name) for name in ("top", "one", "two", "three", "four", "other")
)

@one.task
async def leaf(x: int) -> int:
    return x

@two.task
async def middle(x: int) -> int:
    return await leaf(x)

@three.task
def mapped(x: int, y: int) -> int:
    return x

@four.task
async def listed() -> None: ...

@other.task
async def unrelated() -> None: ...

STEPS = [listed]
scaled = functools.partial(mapped, y=1)

async def helper(x: int) -> int:
    return await middle(x)

@top.task
async def main() -> list[int]:
    found = [await helper(x) for x in range(2)]
    found += flyte.map(scaled, [1])
    for step in STEPS:
        await step()
    return [*found, await lib.double(2)]
"""
LIB = """
import flyte

env = flyte.TaskEnvironment(name="lib")

@env.task
async def double(x: int) -> int:
    return x * 2
"""


def test_what_the_code_of_a_task_names_is_deployed_with_it_and_nothing_else(project: Path) -> None:
    (project / "calling.py").write_text(CALLING)
    (project / "lib.py").write_text(LIB)
    top = load_file(Path("calling.py")).environment("top")
    assert {found.name for found in with_called(top)} == {"top", "one", "two", "three", "four", "lib"}


def test_a_task_that_a_function_encloses_is_found_and_cycles_end() -> None:
    one, two = flyte.TaskEnvironment(name="one"), flyte.TaskEnvironment(name="two")

    @one.task
    async def ping() -> None:
        await pong()

    def decorated(func):  # type: ignore[no-untyped-def]
        return functools.wraps(func)(lambda *args: func(*args))

    @two.task
    @decorated
    async def pong() -> None:
        await ping()

    assert with_called(one) == (one, two)
    assert with_called(two) == (two, one)


def test_names_are_looked_at_and_nothing_else_is_done_to_what_they_mean() -> None:
    class Touchy:
        def __getattr__(self, name: str) -> None:
            raise AssertionError(f"{name} was asked for")

    touchy, env = Touchy(), flyte.TaskEnvironment(name="one")

    class Service:
        part = touchy

        @staticmethod
        async def through() -> None:
            await other()

    elsewhere = flyte.TaskEnvironment(name="elsewhere")

    @elsewhere.task
    async def other() -> None: ...

    @env.task
    async def main() -> None:
        print(touchy)
        await Service.through()

    assert with_called(env) == (env, elsewhere)


def test_of_two_environments_of_one_name_the_declared_one_is_kept() -> None:
    one, declared, named = (flyte.TaskEnvironment(name=name) for name in ("one", "two", "two"))
    one.add_dependency(declared)

    @named.task
    async def called() -> None: ...

    @one.task
    async def main() -> None:
        await called()

    assert with_called(one) == (one, declared)
