"""Calling tasks on the stack: the same program gives the same as locally, and failures look the same."""

import json
from pathlib import Path

import pytest

from testkit.cli import Cli
from testkit.taxonomy import FILE, SEEN

CALLING = """\
import asyncio
import datetime
import functools
import json

from pydantic import BaseModel

import flyte

env = flyte.TaskEnvironment(name="calling", env_vars={"USER_LOG_LEVEL": "DEBUG"})


@env.task
def record(x: int) -> dict[str, int]:
    return {"x": x}


@env.task
async def plus(x: int, y: int = 1) -> int:
    if x == 13:
        raise ValueError("thirteen")
    return x + y


@env.task
def through_run(x: int) -> int:
    return asyncio.run(plus(x)) + record(1)["x"]


@env.task
def through_map(n: int) -> list[str]:
    return [str(item) for item in flyte.map(functools.partial(plus, y=2), range(n), concurrency=2)]


@env.task
def custom() -> dict[str, str]:
    return flyte.get_custom_context()


@env.task
async def custom_below() -> dict[str, str]:
    with flyte.custom_context(deep="yes"):
        return await custom()


@env.task
def note(text: str) -> None:
    print("noted", text)


@env.task
def variable() -> str:
    import os

    return os.environ.get("OF_THE_RUN", "")


elsewhere = flyte.TaskEnvironment(name="elsewhere")  # in nobody's depends_on


class Whole(BaseModel):
    parts: "list[Part]" = []


class Part(BaseModel):
    began: datetime.datetime | None


@elsewhere.task
@lambda func: functools.wraps(func)(lambda *args: func(*args))
async def undeclared(whole: Whole, /) -> int:
    assert whole.parts[0].began == flyte.ctx().run_start_time
    return len(whole.parts)


@env.task
async def for_ever() -> None:
    await asyncio.Event().wait()


@flyte.trace
async def step(x: int) -> int:
    return await plus(x)


@env.task
async def main() -> str:
    flyte.logger.debug("it begins")
    first = record(1)
    second = through_run(2)
    note("before")
    found = {
        "used": [first["x"], second + 1, isinstance(first, dict), f"{second}"],
        "gathered": await asyncio.gather(record(3), plus(3)),
        "passed on": await plus(through_run(1)),
        "map": [str(item) for item in flyte.map(plus, [1, 13])],
        "map aio": [item async for item in flyte.map.aio(record, [1, 2], group_name="two")],
        "map sync": await through_map.aio(3),
        "json": json.loads(json.dumps(record(4))),
        "variable": await variable.aio(),
    }
    found["undeclared"] = await undeclared(Whole(parts=[Part(began=flyte.ctx().run_start_time)]))
    with flyte.custom_context(who="me"):
        found["custom"] = await custom_below()
    try:
        await step(1)
    except flyte.errors.TraceDoesNotAllowNestedTasksError as error:
        found["trace"] = error.code
    call = asyncio.create_task(for_ever())
    await asyncio.sleep(0.5)
    call.cancel()
    found["cancelled"] = [type(item).__name__ for item in await asyncio.gather(call, return_exceptions=True)]
    found["context"] = [flyte.ctx().action.name, flyte.ctx().attempt_number]
    return json.dumps(found)
"""

FOUND = {
    "used": [1, 5, True, "4"],
    "gathered": [{"x": 3}, 4],
    "passed on": 4,
    "map": ["2", "thirteen"],
    "map aio": [{"x": 1}, {"x": 2}],
    "map sync": ["2", "3", "4"],
    "json": {"x": 4},
    "variable": "mine",
    "custom": {"who": "me", "deep": "yes"},
    "undeclared": 1,
    "trace": "TraceDoesNotAllowNestedTasksError",
    "cancelled": ["CancelledError"],
    "context": ["a0", 0],
}

RUN = """
if __name__ == "__main__":
    import sys

    if sys.argv[1] == "remote":
        flyte.init_from_config()
    run = flyte.with_runcontext(mode=sys.argv[1], env_vars={"OF_THE_RUN": "mine"}).run(main)
    run.wait()
    assert run.status == "SUCCEEDED", run.status
    result = run.outputs()[0]
    print("RESULT", result if isinstance(result, str) else json.dumps(result))
"""


def result_of(cli: Cli, name: str, text: str, mode: str) -> tuple[object, str]:
    """What the program's `main` gave, and all that was printed."""
    cli.write(name, "import json\n" + text + RUN)
    done = cli.python(name, mode)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return json.loads(line.removeprefix("RESULT ")), done.stdout + done.stderr


@pytest.mark.parametrize("mode", ["local", "remote"])
def test_every_way_of_calling_gives_the_same_in_both_modes(cli: Cli, mode: str) -> None:
    found, printed = result_of(cli, "calling.py", CALLING, mode)
    assert found == FOUND
    assert "noted before" in printed
    assert "DEBUG it begins" in printed


@pytest.fixture(scope="module")
def seen(stack_home: Path, tmp_path_factory: pytest.TempPathFactory) -> object:
    cli = Cli(tmp_path_factory.mktemp("failing"), {"FLYTE_HOME": str(stack_home)})
    return result_of(cli, "failing.py", FILE, "remote")[0]


@pytest.mark.parametrize("how", SEEN)
def test_a_parent_sees(seen: dict[str, str], how: str) -> None:
    assert seen[how] == SEEN[how]
