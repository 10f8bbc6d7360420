"""A task whose process is killed between its steps is tried again, and takes up where it was."""

import asyncio
import signal
from pathlib import Path

import pytest

from flyte_schemas.events import ActionRetried, AttemptFailed, TraceFailed, TraceSucceeded
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import ReferencedLiteral
from flyte_schemas.orders import Order
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import run_filter
from testkit.agents import Agents
from testkit.cases.harness import GUARD_S

LOST = Failure(code="AgentLost", kind=FailureKind.SYSTEM)

STEPS = """\
from collections.abc import Iterator, AsyncIterator

def ran(folder, what):
    with open(folder + '/ran', 'a') as file: file.write(what + '\\n')

def first_time(folder, name):
    marker = Path(folder, name)
    try: marker.touch(exist_ok=False)
    except FileExistsError: return False
    return True

def dies(folder, name):
    if first_time(folder, name): os.kill(os.getpid(), signal.SIGKILL)

@flyte.trace
def step(folder: str, number: int) -> int:
    ran(folder, f'step {number}')
    return number * os.getpid()

@flyte.trace
async def later(folder: str, number: int) -> tuple[int, int]:
    ran(folder, f'later {number}')
    return number, os.getpid()

@flyte.trace
async def items(folder: str, n: int) -> AsyncIterator[int]:
    for number in range(n):
        ran(folder, f'item {number}')
        yield number

@flyte.trace
def large(folder: str) -> str:
    ran(folder, 'large')
    return str(os.getpid()) + 'x' * 300_000

@flyte.trace
def fails(folder: str) -> None:
    ran(folder, 'fails')
    raise ConnectionError('not now')

"""


async def try_again(agents: Agents, order: Order) -> Order:
    """Give the attempt up, and open the next."""
    key, attempt = order.key.action, order.attempt
    state = await agents.state(order)
    if not state.attempt_over:
        await agents.say(key, AttemptFailed(attempt=attempt, failure=LOST))
    await agents.say(key, ActionRetried(attempt=attempt, reason=""))
    return await agents.queue(key, attempt + 1)


async def until_over(agents: Agents, order: Order) -> int:
    """Run attempts until one succeeds; how many there were."""
    while (await agents.run(order)).phase is not ActionPhase.SUCCEEDED:
        assert order.attempt < 10
        order = await try_again(agents, order)
    return order.attempt


async def traces(agents: Agents, order: Order) -> list[TraceSucceeded | TraceFailed]:
    entries = [entry async for entry in agents.bus.log.read(RUNS, run_filter(order.key.action.run))]
    words = [getattr(entry.content, "data", None) for entry in entries]
    return [word for word in words if isinstance(word, TraceSucceeded | TraceFailed)]


def ran(folder: Path) -> list[str]:
    return (folder / "ran").read_text().splitlines()


@pytest.mark.parametrize("prefix", ["", "async "], ids=["sync", "async"])
async def test_steps_run_once_whatever_kills_the_process_between_them(
    agents: Agents, tmp_path: Path, prefix: str
) -> None:
    order = await agents.open(
        STEPS + f"@env.task\n{prefix}def main(folder: str) -> bool:\n"
        "    found = [step(folder, number) for number in range(3)]\n"
        "    dies(folder, 'once')\n"
        "    found += [step(folder, 3)]\n"
        "    dies(folder, 'twice')\n"
        "    pids = {value // number for number, value in enumerate(found) if number}\n"
        "    return len(pids) == 2 and os.getpid() not in pids\n",
        inputs={"folder": str(tmp_path)},
    )
    assert await until_over(agents, order) == 3
    assert await agents.output(await agents.state(order)) is True
    assert ran(tmp_path) == ["step 0", "step 1", "step 2", "step 3"]
    told = await traces(agents, order)
    assert [word.parent_attempt for word in told] == [1, 1, 1, 2]
    assert {(word.name, word.parent) for word in told} == {("my_example.step", "a0")}


async def test_steps_side_by_side_generators_and_large_values_are_given_again(
    agents: Agents, tmp_path: Path
) -> None:
    order = await agents.open(
        STEPS + "@env.task\nasync def main(folder: str) -> bool:\n"
        "    many = await asyncio.gather(*(later(folder, number) for number in range(20)))\n"
        "    text = await asyncio.to_thread(large, folder)\n"
        "    found = [item async for item in items(folder, 4)]\n"
        "    dies(folder, 'once')\n"
        "    await items(folder, 3).__anext__()\n"
        "    pids = {pid for _, pid in many} | {int(text.rstrip('x'))}\n"
        "    return found == [0, 1, 2, 3] and len(pids) == 1 and os.getpid() not in pids\n",
        inputs={"folder": str(tmp_path)},
    )
    assert await until_over(agents, order) == 2
    assert await agents.output(await agents.state(order)) is True
    wanted = [*(f"later {n}" for n in range(20)), "large", *(f"item {n}" for n in range(4)), "item 0"]
    assert sorted(ran(tmp_path)) == sorted(wanted)
    told = await traces(agents, order)
    assert [word for word in told if isinstance(word.outputs.get("o0"), ReferencedLiteral)]


async def test_an_agent_that_is_killed_in_the_middle_leaves_what_its_steps_gave(
    agents: Agents, tmp_path: Path
) -> None:
    order = await agents.open(
        STEPS + "@env.task\ndef main(folder: str) -> int:\n"
        "    for number in range(5): step(folder, number)\n"
        "    if first_time(folder, 'once'):\n"
        "        print('waiting')\n"
        "        time.sleep(600)\n"
        "    return len([step(folder, number) for number in range(5, 8)])\n",
        inputs={"folder": str(tmp_path)},
    )
    process = agents.start(order)
    await agents.until_printing(order)
    process.send(signal.SIGKILL)
    await process.wait()
    again = await try_again(agents, order)
    assert await until_over(agents, again) == 2
    assert ran(tmp_path) == [f"step {number}" for number in range(8)]


async def test_a_failure_that_may_go_away_is_in_the_log_and_the_step_runs_again(
    agents: Agents, tmp_path: Path
) -> None:
    order = await agents.open(
        STEPS + "@env.task\ndef main(folder: str):\n    fails(folder)\n", inputs={"folder": str(tmp_path)}
    )
    for _ in range(2):
        state = await agents.run(order)
        assert state.failure is not None
        assert (state.failure.code, state.failure.message) == ("ConnectionError", "not now")
        order = await try_again(agents, order)
    assert ran(tmp_path) == ["fails"] * 2
    failures = [word.failure for word in await traces(agents, order) if isinstance(word, TraceFailed)]
    assert [failure.code for failure in failures] == ["ConnectionError"] * 2
    assert 'File "my_example.py"' in failures[0].traceback


async def test_the_code_after_a_step_runs_when_the_step_is_in_the_log(agents: Agents, tmp_path: Path) -> None:
    order = await agents.open(
        STEPS + "@env.task\ndef main(folder: str):\n"
        "    for number in range(200): step(folder, number)\n"
        "    Path(folder, 'after').touch()\n",
        inputs={"folder": str(tmp_path)},
    )
    process = agents.start(order)
    async with asyncio.timeout(GUARD_S):
        while not (tmp_path / "after").exists():
            await asyncio.sleep(0.01)
    assert len(await traces(agents, order)) == 200
    await process.wait()
